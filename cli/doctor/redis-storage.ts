import { check } from './check.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import { eachNode, type RedisNode } from './redis-node.ts'

export function judgeMemory(nodes: readonly RedisNode[]): Judged[] {
  return eachNode(nodes, ({ info }) => {
    const { maxmemory, maxmemory_policy: policy } = info
    if (maxmemory === undefined || policy === undefined) return skipped('INFO tells no maxmemory-policy')
    const limit = Number(maxmemory)
    if (policy !== 'noeviction') {
      const advice = 'set maxmemory-policy noeviction'
      return limit > 0
        ? fail(`maxmemory-policy ${policy}: totals and alerts can be evicted`, advice)
        : warn(`maxmemory-policy ${policy}: without effect only as long as maxmemory is 0`, advice)
    }
    if (limit === 0) return ok('noeviction, no limit')
    // Buffers for replicas and the append-only file may exceed the limit.
    const used = Number(info.used_memory ?? 0) - Number(info.mem_not_counted_for_evict ?? 0)
    const part = Math.round((100 * used) / limit)
    if (used > limit)
      return fail(`noeviction, ${part} % of maxmemory used: writes are refused`, 'give Redis more memory')
    return part >= 90
      ? warn(
          `noeviction, ${part} % of maxmemory used: when it is full, writes are refused`,
          'give Redis more memory',
        )
      : ok(`noeviction, ${part} % of maxmemory used`)
  })
}

/** Whether Redis may evict data. */
export const memory = check('memory', (context) => context.nodes(), judgeMemory)

const ADVICE = 'set appendonly yes'

export function judgePersistence(nodes: readonly RedisNode[]): Judged[] {
  return eachNode(nodes, ({ info, save }) => {
    if (info.aof_enabled === undefined) return skipped('INFO tells nothing of persistence')
    const file = info.aof_enabled === '1'
    if (file && info.aof_last_write_status === 'err')
      return fail(
        'the last write of the append-only file failed: writes are refused',
        'make room on its disk',
      )
    // A server without snapshots of its own still makes them for its replicas, but then no writes depend on them.
    if (save !== '' && info.rdb_last_bgsave_status === 'err')
      return fail('the last snapshot failed: writes may be refused', 'make room on its disk')
    if (file) return ok('append-only file')
    if (save === '')
      return warn('nothing is kept on disk: a restart of Redis loses all totals and alerts', ADVICE)
    if (save === undefined)
      return warn('no append-only file; whether there are snapshots cannot be seen: no CONFIG here', ADVICE)
    return warn('snapshots only: a crash of Redis loses the totals and alerts since the last one', ADVICE)
  })
}

/** What a restart of Redis loses. */
export const persistence = check('persistence', (context) => context.nodes(), judgePersistence)
