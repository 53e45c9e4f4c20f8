import { outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { PROOF } from './proof-lua.ts'

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

/**
 * KEYS 1 retry  2 parked
 * ARGV 1… entry and alert id of each
 * Reply number of alerts that are due now.
 */
export const wakeScript: Script = {
  name: 'vkWake',
  lua: `
${PROOF}
local woken = 0
prove_zadd(KEYS[1])
prove_zrem(KEYS[2])
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i + 1]) then
    redis.call('ZADD', KEYS[1], 0, ARGV[i + 1])
    woken = woken + 1
  end
  redis.call('ZREM', KEYS[2], ARGV[i])
end
return woken
`,
}

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
      return wanted(configuration, secrets) ? [entry, id] : []
    })
    if (found.length > 0) woken += Number(await run(redis, wakeScript, [retry, parked], found))
    const last = page.at(-1)
    if (last === undefined || entries.length < PAGE) return woken
    from = `(${last}`
  }
}

function parts(entry: string): [id: string, configuration: string, secrets: string] {
  const [first, last] = [entry.indexOf(' '), entry.lastIndexOf(' ')]
  return [entry.slice(0, first), entry.slice(first + 1, last), entry.slice(last + 1)]
}
