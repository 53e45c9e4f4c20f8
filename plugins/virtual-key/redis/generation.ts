import { randomBytes } from 'node:crypto'
import { CLOCK_LUA, exact } from './lua-text.ts'

/**
 * A partition's data has a random generation, which goes into the ids of its alerts: what is made after Redis was flushed never
 * repeats an id of before. A process that knows another generation than Redis has, or finds none where it knows one, has found a
 * loss. It then tells what it last saw of the counters (restore.ts), and until every process has had the time for that, nobody
 * judges whether a threshold is crossed: who has seen that it was crossed before may not have told yet.
 */

/** How long crossings wait after a loss. Every process looks for one each second (loss-watch.ts). Unit: milliseconds. */
export const GRACE = 5000

/** A loss that is found within this after another belongs to it. Unit: milliseconds. */
export const SAME_LOSS = 60_000

/** What a caller sends that knows no generation: the one to begin with where there is none. */
export function firstGeneration(): string {
  return `+${randomBytes(8).toString('hex')}`
}

/**
 * Lua: what a script finds of its partition's generation. Needs KEYS[1] = schema, `generation` as Redis has it, and what CLOCK_LUA needs.
 * Leaves behind: generation, news (the generation, where it is not the one that the caller knows; else empty), born (there was
 * none), and lost, the time of a loss that nobody has written down yet.
 *
 * @param known Lua expression: the generation that the caller knows, or `+` and one to begin with
 */
export function generationLua(known: string): string {
  return `
local news, born, lost = '', false, nil
if generation ~= ${known} then
  local knows_none = string.sub(${known}, 1, 1) == '+'
  born = not generation
  if not knows_none and (born or not redis.call('HGET', KEYS[1], 'lost')) then
    ${CLOCK_LUA}
    lost = clock
  end
  if born then
    generation = knows_none and string.sub(${known}, 2) or string.sub(redis.sha1hex(${known} .. ' ' .. clock), 1, 16)
  end
  news = generation
end
`
}

/** Lua: writes, by HSET alone, what generationLua has found to have changed. */
export const KEEP_GENERATION_LUA = `
if born then redis.call('HSET', KEYS[1], 'generation', generation) end
if lost then redis.call('HSET', KEYS[1], 'lost', ${exact('lost')}) end
`
