import { outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'

/**
 * Alerts that wait for a configuration: no process has its secrets, or it names no webhook. They wait among the retries until they
 * are looked at again, and besides in a list of their own, so that a process which learns the configuration finds them at once
 * without looking at any other alert.
 */

/** Names looked through in one go. */
const PAGE = 500

/** An alert's entry. Ids of alerts hold no blank, ids of configurations may. */
export function parkedEntry(id: string, configuration: string, secrets: string): string {
  return `${id} ${configuration} ${secrets}`
}

interface WakeArguments {
  readonly alerts: ReadonlyArray<{ readonly id: string; readonly entry: string }>
}

const wakeScript = SCRIPTS.script<[WakeArguments], number>('wake')

/**
 * Makes those parked alerts of one partition due that may be delivered now.
 * @param after only those parked later than this mark of an earlier look; '' = all
 * @param wanted tells by a configuration and its secrets' mark
 * @returns number of alerts made due
 * @throws ReplyError or a connection's Error
 */
export async function wake(
  redis: Connection,
  partition: number,
  after: string,
  wanted: (configuration: string, secrets: string) => boolean,
): Promise<number> {
  const { retry, parked } = outboxNames(partition)
  let from = after === '' ? '-inf' : `(${after}`
  let woken = 0
  for (;;) {
    const page = await redis.zrangebyscore(parked, from, '+inf', 'WITHSCORES', 'LIMIT', 0, PAGE)
    const entries = page.filter((_, i) => i % 2 === 0)
    const found = entries.flatMap((entry) => {
      const [id, configuration, secrets] = parts(entry)
      return wanted(configuration, secrets) ? [{ id, entry }] : []
    })
    if (found.length > 0) woken += await run(redis, wakeScript, [retry, parked], { alerts: found })
    const last = page.at(-1)
    if (last === undefined || entries.length < PAGE) return woken
    from = `(${last}`
  }
}

function parts(entry: string): [id: string, configuration: string, secrets: string] {
  const [first, last] = [entry.indexOf(' '), entry.lastIndexOf(' ')]
  return [entry.slice(0, first), entry.slice(first + 1, last), entry.slice(last + 1)]
}
