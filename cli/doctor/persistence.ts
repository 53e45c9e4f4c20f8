import { check } from './check.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import { eachNode, type RedisNode } from './redis-node.ts'

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
    // Without snapshots of its own a server still makes them for its replicas, and then nothing depends on them.
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
export const persistence = check('persistence', (seat) => seat.nodes(), judgePersistence)
