import { indexName, partitionOf, schemaName } from '../plugins/virtual-key/redis/names.ts'
import { type Connection, run, type Script } from '../plugins/virtual-key/redis/script.ts'
import type { Step } from './step.ts'

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

/**
 * KEYS 1 any name of the partition: it leads to the node that owns it
 * ARGV 1 run id of the server that gave the cursor  2 cursor  3 pattern  4 names to look at
 * Reply {run id, cursor, names}
 *
 * A cursor means something only to the server process that gave it: names are hashed by a seed that is new with every start. For
 * another one (a restart, a replica that took over, a slot that moved) the walk starts anew.
 */
export const scanScript: Script = {
  name: 'vkMigrateScan',
  lua: `
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local cursor = run_id == ARGV[1] and ARGV[2] or '0'
local found = redis.call('SCAN', cursor, 'MATCH', ARGV[3], 'COUNT', ARGV[4], 'TYPE', 'hash')
return {run_id, found[1], found[2]}
`,
}

/** By name: hashes that may be records. One may come twice; one that is there all the time comes. */
const names: Walk = async (redis, partition, cursor) => {
  const [runId = '', at = '0'] = cursor.split(' ')
  const prefix = `vk:{${partition}}:key:`
  const reply = await run(redis, scanScript, [schemaName(partition)], [runId, at, `${prefix}*`, COUNT])
  const [server, next, found] = reply as [string, string, string[]]
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
