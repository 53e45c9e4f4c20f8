import { indexName, keyPrefix, partitionOf, schemaName } from '../plugins/virtual-key/redis/names.ts'
import { type Connection, run } from '../plugins/virtual-key/redis/script.ts'
import type { Step } from './index.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'

/** Key ids of one partition, as many as are looked at in one go. */
export interface Page {
  readonly ids: readonly string[]
  /** Where the next page begins. */
  readonly cursor: string
  readonly last: boolean
}

/** @param cursor of the page before; '' = the first page @throws ReplyError or a connection's Error */
export type Walk = (redis: Connection, partition: number, cursor: string) => Promise<Page>

/** Ids of the index in one page. */
const PAGE = 500

/** Names that one SCAN looks at; few of them are records. Redis does nothing else for about a millisecond. */
const COUNT = 2000

interface ScanArguments {
  readonly run_id: string
  readonly cursor: string
  readonly pattern: string
  readonly count: number
}

const scanScript = MIGRATION_SCRIPTS.script<
  [ScanArguments],
  [runId: string, cursor: string, names: string[]]
>('migrate-scan')

/** By name: hashes that may be records. One may come twice; one that is there all the time comes. */
const names: Walk = async (redis, partition, cursor) => {
  const [runId = '', at = '0'] = cursor.split(' ')
  const prefix = keyPrefix(partition)
  const reply = await run(redis, scanScript, [schemaName(partition)], {
    run_id: runId,
    cursor: at,
    pattern: `${prefix}*`,
    count: COUNT,
  })
  const [server, next, found] = reply
  const ids = found.map((name) => name.slice(prefix.length))
  return { ids: ids.filter(belongs(partition)), cursor: `${server} ${next}`, last: next === '0' }
}

/** By the index, whose order is that of the ids: the last id is where to go on, whatever was added or removed. */
const index: Walk = async (redis, partition, cursor) => {
  const from = cursor === '' ? '-' : `(${cursor}`
  const ids = await redis.zrangebylex(indexName(partition), from, '+', 'LIMIT', 0, PAGE)
  return { ids: ids.filter(belongs(partition)), cursor: ids.at(-1) ?? cursor, last: ids.length < PAGE }
}

/** What lies in another partition than its own is no record: nothing ever reads it, and its name may be in another slot. */
function belongs(partition: number): (id: string) => boolean {
  return (id) => partitionOf(id) === partition
}

export const WALKS: Readonly<Record<Step['over'], Walk>> = { names, index }
