import { indexName, keyPrefix, partitionOf, schemaName } from '../plugins/virtual-key/redis/names.ts'
import { type Connection, run } from '../plugins/virtual-key/redis/script.ts'
import type { Step } from './index.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'

/** One page of key ids of a partition. */
export interface Page {
  readonly ids: readonly string[]
  /** Where the next page begins. */
  readonly cursor: string
  readonly last: boolean
}

/** @param cursor of the previous page; '' for the first page @throws ReplyError or a connection's Error */
export type Walk = (redis: Connection, partition: number, cursor: string) => Promise<Page>

/** Most ids in one page of the index. */
const PAGE = 500

/** Names that one SCAN reads, of which few are records. It occupies Redis for about a millisecond. */
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

/** Finds hashes by name that may be records. One may be returned twice; each that exists during the whole walk is returned. */
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

/** Reads the index in the order of ids: the last id is the cursor, whatever is added or removed meanwhile. */
const index: Walk = async (redis, partition, cursor) => {
  const from = cursor === '' ? '-' : `(${cursor}`
  const ids = await redis.zrangebylex(indexName(partition), from, '+', 'LIMIT', 0, PAGE)
  return { ids: ids.filter(belongs(partition)), cursor: ids.at(-1) ?? cursor, last: ids.length < PAGE }
}

/** A hash in a partition to which its id does not belong is not a record: nothing reads it, and its name may be in another slot. */
function belongs(partition: number): (id: string) => boolean {
  return (id) => partitionOf(id) === partition
}

export const WALKS: Readonly<Record<Step['over'], Walk>> = { names, index }
