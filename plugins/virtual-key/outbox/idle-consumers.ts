import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'

/** A process that has not been heard of for this long is gone. Unit: milliseconds. */
const GONE = 3_600_000

const removeScript = SCRIPTS.script<[{ readonly group: string; readonly gone: number }], number>(
  'remove-idle-consumers',
)

/** Forgets processes that are gone. @param gone milliseconds after which a silent process is gone @throws ReplyError or a connection's Error */
export async function removeIdleConsumers(
  redis: Connection,
  partition: number,
  gone = GONE,
): Promise<number> {
  return await run(redis, removeScript, [outboxNames(partition).outbox], { group: DISPATCHERS, gone })
}
