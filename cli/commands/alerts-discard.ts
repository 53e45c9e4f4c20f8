import type { Command } from 'commander'
import { discard } from '../../plugins/virtual-key/outbox/discard.ts'
import { outboxNames, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { secondsFrom } from '../options/time.ts'
import { counted } from '../output/text.ts'
import { findAlert } from './alert-find.ts'

/** `vk alerts discard`: one alert that nobody wants. */
export function addAlertDiscard(alerts: Command, context: CommandContext): void {
  withConnection(alerts.command('discard'))
    .description('removes an alert that waits or is dead; it is never delivered')
    .argument('<id>', 'the webhook-id')
    .action((id: string, options: ConnectionOptions) =>
      connected(options, context, async (redis) => {
        const { state, partition, record, entry } = await findAlert(redis, id)
        if (state === 'new') throw new Failure(`alert ${id} is being delivered: try again when it waits`)
        if (state === 'delivered') throw new Failure(`alert ${id} was delivered`)
        const at = state === 'dead' ? entry : record.parked?.entry
        if (!(await discard(redis, partition, id, state, at))) {
          throw new Failure(`alert ${id} was replayed, removed or taken by somebody else`)
        }
        context.print(`alert ${id} of key ${JSON.stringify(record.keyId)} is discarded`)
      }),
    )
}

/** `vk alerts purge`: dead alerts, of which an outbox keeps every one until somebody does something about it. */
export function addAlertPurge(alerts: Command, context: CommandContext): void {
  withConnection(alerts.command('purge'))
    .description('removes dead alerts for ever')
    .option('--older-than <time>', 'only those given up longer ago than, such as 30d; else all')
    .option('--yes', 'does it; else only their number is told')
    .action((options: ConnectionOptions & { readonly olderThan?: string; readonly yes?: boolean }) => {
      const seconds = options.olderThan === undefined ? 0 : secondsFrom('--older-than', options.olderThan)
      return connected(options, context, async (redis) => {
        // By Redis's clock, as the entries' ids: they begin with when an alert was given up.
        const [now = 0] = (await redis.time()).map(Number)
        const before = (now - seconds + (options.olderThan === undefined ? 1 : 0)) * 1000
        let count = 0
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const { dead } = outboxNames(partition)
          count += options.yes
            ? await redis.xtrim(dead, 'MINID', before)
            : (await redis.xrange(dead, '-', `(${before}-0`)).length
        }
        const alerts = counted(count, 'dead alert')
        if (options.yes) return context.print(`${alerts} removed`)
        context.print(`${alerts} would be removed`)
        if (count > 0) throw new Failure('nothing was removed: --yes does it', 2)
      })
    })
}
