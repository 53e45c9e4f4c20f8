import type { Command } from 'commander'
import type { AlertRecord } from '../../plugins/virtual-key/outbox/alert-record.ts'
import {
  discard,
  type ListedAlert,
  listAlerts,
  requeue,
  type Whereabouts,
} from '../../plugins/virtual-key/outbox/operator-view.ts'
import { outboxNames, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { OR_STDIN } from '../options/input-file.ts'
import { secondsFrom } from '../options/time.ts'
import { webhookUrl } from '../options/webhook-url.ts'
import { counted } from '../output/text.ts'

interface ReplayOptions extends ConnectionOptions {
  readonly allDead?: boolean
  readonly url?: string
  readonly configuration?: string
}

/** `vk alerts replay`: makes a dead letter, a waiting alert or a delivered one due now. */
export function addAlertReplay(alerts: Command, context: CommandContext): void {
  withConnection(alerts.command('replay'))
    .description('sends an alert again, with a new schedule; its earlier attempts stay on record')
    .argument('[id]', 'the alert id, which is the header webhook-id of its request')
    .option('--all-dead', 'replays every dead letter')
    .option('--url <url>', `sends it to this webhook instead of the configured one; ${OR_STDIN}`)
    .option(
      '--configuration <plugin id>',
      'delivers it with the settings of this plugin configuration, if its own was removed',
    )
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

/** `vk alerts discard`: removes one alert. */
export function addAlertDiscard(alerts: Command, context: CommandContext): void {
  withConnection(alerts.command('discard'))
    .description('removes a waiting alert or a dead letter, which is then never delivered')
    .argument('<id>', 'the alert id, which is the header webhook-id of its request')
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

/** `vk alerts purge`: dead letters, which an outbox keeps until somebody replays or removes them. */
export function addAlertPurge(alerts: Command, context: CommandContext): void {
  withConnection(alerts.command('purge'))
    .description('removes dead letters')
    .option('--older-than <time>', 'removes only those that are older, such as 30d')
    .option('--yes', 'removes them; without it, the command only says how many there are')
    .action((options: ConnectionOptions & { readonly olderThan?: string; readonly yes?: boolean }) => {
      const seconds = options.olderThan === undefined ? 0 : secondsFrom('--older-than', options.olderThan)
      return connected(options, context, async (redis) => {
        // Redis's clock decides, because it also made the ids of the entries: the time at which an alert became a dead letter.
        const [now = 0] = (await redis.time()).map(Number)
        const before = (now - seconds + (options.olderThan === undefined ? 1 : 0)) * 1000
        let count = 0
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const { dead } = outboxNames(partition)
          count += options.yes
            ? await redis.xtrim(dead, 'MINID', before)
            : (await redis.xrange(dead, '-', `(${before}-0`)).length
        }
        const alerts = counted(count, 'dead letter')
        if (options.yes) return context.print(`${alerts} removed`)
        context.print(`${alerts} would be removed`)
        if (count > 0) throw new Failure('nothing was removed: repeat the command with --yes', 2)
      })
    })
}

/**
 * An alert that was replayed can be in the history more than once; then the entry that is not delivered is returned.
 * @throws Failure where there is none, ReplyError or a connection's Error
 */
export async function findAlert(redis: Connection, id: string): Promise<ListedAlert> {
  const found = (await listAlerts(redis)).filter((one) => one.id === id)
  const one = found.find(({ state }) => state !== 'delivered') ?? found.at(-1)
  if (one === undefined) throw new Failure(`there is no alert ${JSON.stringify(id)}`)
  return one
}
