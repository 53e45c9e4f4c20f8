import type { Command } from 'commander'
import { type ListedAlert, listAlerts } from '../../plugins/virtual-key/outbox/list.ts'
import type { AlertRecord } from '../../plugins/virtual-key/outbox/record.ts'
import { requeue, type Whereabouts } from '../../plugins/virtual-key/outbox/requeue.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { OR_STDIN } from '../options/input-file.ts'
import { webhookUrl } from '../options/webhook-url.ts'
import { findAlert } from './alert-find.ts'

interface ReplayOptions extends ConnectionOptions {
  readonly allDead?: boolean
  readonly url?: string
  readonly configuration?: string
}

/** `vk alerts replay`: a dead or waiting alert, or one from the history, is due now. */
export function addAlertReplay(alerts: Command, context: CommandContext): void {
  withConnection(alerts.command('replay'))
    .description('sends an alert again, with a fresh schedule; its earlier attempts stay on record')
    .argument('[id]', 'the webhook-id')
    .option('--all-dead', 'every dead alert')
    .option('--url <url>', `to this webhook instead of the one that is configured, ${OR_STDIN}`)
    .option('--configuration <plugin id>', 'as alerts of this plugin configuration, if their own was removed')
    .action(async (id: string | undefined, options: ReplayOptions) => {
      if ((id === undefined) !== (options.allDead === true)) {
        throw new Failure('give either the id of an alert or --all-dead', 2)
      }
      const { configuration } = options
      const override = options.url === undefined ? undefined : await webhookUrl('--url', options.url, context)
      const changes = {
        ...(override === undefined ? {} : { override }),
        ...(configuration === undefined ? {} : { configuration }),
      }
      await connected(options, context, async (redis) => {
        const chosen =
          id === undefined
            ? (await listAlerts(redis)).filter(({ state }) => state === 'dead')
            : [await findAlert(redis, id)]
        let replayed = 0
        for (const one of chosen) if (await replay(redis, one, changes)) replayed++
        context.print(`${replayed} of ${chosen.length} alerts will be sent again`)
        if (replayed < chosen.length)
          throw new Failure('the others were replayed or removed by somebody else')
      })
    })
}

async function replay(
  redis: Connection,
  { id, partition, state, record, entry }: ListedAlert,
  changes: Partial<AlertRecord>,
): Promise<boolean> {
  if (state === 'new') throw new Failure(`alert ${id} is being delivered`)
  const { since: _, parked, ...rest } = record
  const fresh: AlertRecord = { ...rest, earlier: record.attempts.length, ...changes }
  const at = state === 'dead' ? entry : parked?.entry
  const from: Whereabouts =
    state === 'delivered' ? { state: 'none' } : { state, ...(at === undefined ? {} : { entry: at }) }
  return requeue(redis, partition, id, fresh, from)
}
