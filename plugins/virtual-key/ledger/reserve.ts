import { reservationsName, reservedName } from '../keys.ts'
import { type Connection, run, type Script } from './script.ts'

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
const MOST_EXPIRED = 1000

/**
 * What scripts do with reservations: release(reservation), expire(now in milliseconds) and held(), on the names in `reserved_name`
 * and `reservations_name`. The sum is kept beside the reservations, so that nothing has to be added up where a key has thousands
 * of requests under way; if Redis has lost it alone, it is added up again, and if it is all that is left, it goes: nobody could
 * give back what it says.
 */
export const RESERVATIONS_LUA = `
local function tokens_of(reservation) return tonumber(string.match(reservation, '(%d+)$') or 0) end
local function release(reservation)
  if redis.call('ZREM', reservations_name, reservation) == 0 then return 0 end
  if redis.call('DECRBY', reserved_name, string.format('%.0f', tokens_of(reservation))) <= 0 then redis.call('DEL', reserved_name) end
  return 1
end
local function held()
  if redis.call('EXISTS', reservations_name) == 0 then
    redis.call('DEL', reserved_name)
    return 0
  end
  local sum = redis.call('GET', reserved_name)
  if sum then return tonumber(sum) end
  sum = 0
  for _, reservation in ipairs(redis.call('ZRANGE', reservations_name, 0, -1)) do sum = sum + tokens_of(reservation) end
  if sum > 0 then redis.call('SET', reserved_name, string.format('%.0f', sum)) end
  return sum
end
local function expire(now)
  local old = redis.call('ZRANGEBYSCORE', reservations_name, '-inf', now, 'LIMIT', 0, ${MOST_EXPIRED})
  -- Fails, where the sum is none, before anything is written.
  if #old > 0 then held() end
  for _, reservation in ipairs(old) do release(reservation) end
end
`

/**
 * KEYS 1 reserved  2 reservations
 * ARGV 1 reservation
 * Reply 1 = released, 0 = it was not held any more.
 */
export const releaseScript: Script = {
  name: 'vkRelease',
  lua: `
local reserved_name, reservations_name = KEYS[1], KEYS[2]
${RESERVATIONS_LUA}
return release(ARGV[1])
`,
}

/** Gives a reservation back whose request has nothing to count. @throws ReplyError or a connection's Error */
export async function release(redis: Connection, keyId: string, reservation: Reservation): Promise<boolean> {
  const names = [reservedName(keyId), reservationsName(keyId)]
  return (await run(redis, releaseScript, names, [reservation])) === 1
}
