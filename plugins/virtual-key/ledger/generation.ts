import { randomBytes } from 'node:crypto'

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
 * Lua: what a script finds of its partition's generation. Needs KEYS[1] = schema, `generation` as Redis has it, now() and exact().
 * Leaves behind: generation, news (the generation, where it is not the one that the caller knows; else empty), and
 * keep_generation(), the writing, by HSET alone, of what changed. `lost`: the time of a loss that nobody has written down yet.
 *
 * @param known Lua expression: the generation that the caller knows, or `+` and one to begin with
 */
export function generationLua(known: string): string {
  return `
local news, born, lost = '', false, nil
if generation ~= ${known} then
  local knows_none = string.sub(${known}, 1, 1) == '+'
  if generation then
    if not knows_none and not redis.call('HGET', KEYS[1], 'lost') then lost = now() end
  else
    born = true
    if not knows_none then lost = now() end
    generation = knows_none and string.sub(${known}, 2) or string.sub(redis.sha1hex(${known} .. ' ' .. now()), 1, 16)
  end
  news = generation
end
local function keep_generation()
  if born then redis.call('HSET', KEYS[1], 'generation', generation) end
  if lost then redis.call('HSET', KEYS[1], 'lost', exact(lost)) end
end
`
}
