import { overflowId } from '../policy/overflow.ts'
import { noneName, partitionOf, reservationsName, reservedName } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'

/**
 * The part of a key's budget that one request under way has reserved: `<name> <tokens>`, in which the name is unique. It lasts until the
 * request's answer is settled, until it turns out that there is nothing to count, or until it expires.
 */
export type Reservation = string

export function reservationOf(name: string, tokens: number): Reservation {
  return `${name} ${tokens}`
}

export function tokensOf(reservation: Reservation): number {
  return Number(reservation.slice(reservation.lastIndexOf(' ') + 1))
}

const releaseScript = SCRIPTS.script<[{ readonly reservation: Reservation }], 0 | 1>('release')

/**
 * Releases a reservation whose request has nothing to count. A partition without room for another id keeps it under its overflow id.
 * @throws ReplyError or a connection's Error
 */
export async function release(redis: Connection, keyId: string, reservation: Reservation): Promise<boolean> {
  const partition = partitionOf(keyId)
  for (const id of [keyId, overflowId(partition)]) {
    const names = [reservedName(id), reservationsName(id), noneName(partition)]
    if ((await run(redis, releaseScript, names, { reservation })) === 1) return true
  }
  return false
}
