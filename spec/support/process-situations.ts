import { Heartbeat } from '../../plugins/virtual-key/redis/heartbeat.ts'
import { processesName } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { lineLog } from '../../plugins/virtual-key/telemetry/log.ts'
import { ThrottledLog } from '../../plugins/virtual-key/telemetry/throttled-log.ts'
import type { Situation } from './all-or-nothing.ts'

/** What a plugin server reports about itself. */
function beat(redis: Connection): Promise<void> {
  const heartbeat = new Heartbeat({
    redis,
    processId: 'one',
    configurations: new Set(['chat']),
    waiting: () => 0,
    lastSettled: () => undefined,
    trouble: new ThrottledLog(
      lineLog(() => undefined),
      () => 0,
    ),
  })
  return heartbeat.beat()
}

/** Every branch of the scripts about processes that writes. */
export const PROCESS_SITUATIONS: readonly Situation[] = [
  {
    title: 'heartbeat: a process that is known',
    prepare: (admin) => admin.hset(processesName(), 'one', '0 {}', 'other', '0 {}'),
    act: beat,
  },
]
