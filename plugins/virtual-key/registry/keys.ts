import { type WindowKind, windowsAt } from '../policy/window.ts'
import { indexName, keyName, PARTITIONS, reservedName, totalName } from '../redis/names.ts'
import type { Connection } from '../redis/script.ts'
import { keyFrom, type RegisteredKey } from './key-record.ts'

/** Keys read in one go. */
const PAGE = 500

/** One key, undefined where it is not registered. @throws ReplyError or a connection's Error */
export async function readKey(redis: Connection, id: string): Promise<RegisteredKey | undefined> {
  return keyFrom(id, await redis.hgetall(keyName(id)))
}

/** Every registered key, partition by partition and there by name, a page at a time. @throws ReplyError or a connection's Error */
export async function* registeredKeys(redis: Connection): AsyncGenerator<RegisteredKey> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    let from = '-'
    for (;;) {
      const ids = await redis.zrangebylex(indexName(partition), from, '+', 'LIMIT', 0, PAGE)
      const found = await Promise.all(ids.map((id) => readKey(redis, id)))
      yield* found.filter((one) => one !== undefined)
      const last = ids.at(-1)
      if (last === undefined || ids.length < PAGE) break
      from = `(${last}`
    }
  }
}

/** What a key has spent, in tokens. */
export interface Spent {
  /** By window; absent: nothing in that window. */
  readonly totals: { readonly [K in WindowKind]?: number }
  /** Held by requests under way, with `reserve: true`. */
  readonly reserved: number
}

/** @param at milliseconds since 1970 @throws ReplyError or a connection's Error */
export async function spentBy(redis: Connection, id: string, at: number): Promise<Spent> {
  const windows = windowsAt(at)
  // All of one partition, so one command on a cluster too.
  const [reserved, ...totals] = await redis.mget(
    reservedName(id),
    ...windows.map(({ label }) => totalName(id, label)),
  )
  const known = windows.flatMap(({ kind }, i) => {
    const total = totals[i]
    return total === null || total === undefined ? [] : [[kind, Number(total)] as const]
  })
  return { totals: Object.fromEntries(known), reserved: Number(reserved ?? 0) }
}
