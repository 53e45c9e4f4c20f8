import { overflowId } from '../metering/invented.ts'
import { exact } from '../redis/lua-text.ts'
import { noneName, partitionOf, reservationsName, reservedName } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'

/**
 * A hold on part of a key's budget by one request under way: `<name> <tokens>`, in which the name is unique. It lasts until the
 * request's answer is settled, until it turns out that there is nothing to count, or until it expires.
 */
export type Reservation = string

export function reservationOf(name: string, tokens: number): Reservation {
  return `${name} ${tokens}`
}

export function tokensOf(reservation: Reservation): number {
  return Number(reservation.slice(reservation.lastIndexOf(' ') + 1))
}

/** Reservations that expire in one step. */
export const MOST_EXPIRED = 1000

/** The sum outlives every reservation in it. Unit: milliseconds. */
const SUM_LASTS = 1_800_000

/** Lua expression: the tokens of a reservation. @param reservation Lua expression */
export function tokensLua(reservation: string): string {
  return `(string.match(${reservation}, '(%d+)$') or 0)`
}

/**
 * Lua: `reserved` is the sum of what is reserved, by `reserved_name` and `reservations_name`. The sum is kept beside the reservations, so
 * that nothing has to be added up where a key has thousands of requests under way; if Redis has lost it alone, it is added up again,
 * and if it is all that is left, it counts for nothing: nobody could give back what it says.
 */
export const RESERVED_LUA = `
reserved = 0
if redis.call('EXISTS', reservations_name) == 1 then
  local sum = redis.call('GET', reserved_name)
  if sum then
    -- What is no number fails here, before anything is written.
    reserved = sum + 0
  else
    for _, reservation in ipairs(redis.call('ZRANGE', reservations_name, '0', '-1')) do reserved = reserved + ${tokensLua('reservation')} end
  end
end
`

/** Lua: writes `reserved`, by SET alone. */
export const KEEP_SUM_LUA = `
redis.call('SET', reserved_name, ${exact('reserved')}, 'PX', reserved > 0 and '${SUM_LASTS}' or '1')
`

/**
 * KEYS 1 reserved  2 reservations  3 none
 * ARGV 1 reservation
 * Reply 1 = released, 0 = it was not held any more.
 */
export const releaseScript: Script = {
  name: 'vkRelease',
  lua: `
local reserved_name, reservations_name = KEYS[1], KEYS[2]
if not redis.call('ZSCORE', reservations_name, ARGV[1]) then return 0 end
local reserved
${RESERVED_LUA}
reserved = math.max(reserved - ${tokensLua('ARGV[1]')}, 0)
redis.call('SET', KEYS[3], '', 'XX')
redis.call('ZREM', reservations_name, ARGV[1])
${KEEP_SUM_LUA}
return 1
`,
}

/**
 * Gives a reservation back whose request has nothing to count. A partition without room for another id holds it under its overflow id.
 * @throws ReplyError or a connection's Error
 */
export async function release(redis: Connection, keyId: string, reservation: Reservation): Promise<boolean> {
  const partition = partitionOf(keyId)
  for (const id of [keyId, overflowId(partition)]) {
    const names = [reservedName(id), reservationsName(id), noneName(partition)]
    if ((await run(redis, releaseScript, names, [reservation])) === 1) return true
  }
  return false
}
