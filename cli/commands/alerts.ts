import type { Command } from 'commander'
import { type ListedAlert, listAlerts } from '../../plugins/virtual-key/outbox/operator-view.ts'
import { loggable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { rfc3339 } from '../../schema/alert.ts'
import type { CommandContext } from '../context.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { table } from '../output/table.ts'
import { json } from '../output/text.ts'
import { addAlertDiscard, addAlertPurge, addAlertReplay, findAlert } from './alerts-change.ts'
import { addAlertTest } from './alerts-test.ts'

interface ListOptions extends ConnectionOptions {
  readonly dead?: boolean
  readonly delivered?: boolean
  readonly json?: boolean
}

/** `vk alerts`: lists and changes what is in the outbox. */
export function addAlerts(program: Command, context: CommandContext): void {
  const alerts = program
    .command('alerts')
    .description('shows, repeats and removes alerts, and tests webhooks')

  withConnection(alerts.command('list'))
    .description('lists the alerts that are not delivered')
    .option('--dead', 'lists only dead letters: alerts that are not tried any more')
    .option('--delivered', 'lists only delivered alerts; about the last 500 are kept')
    .option('--json', 'prints one JSON array')
    .action((options: ListOptions) =>
      connected(options, context, async (redis) => {
        const wanted = (state: ListedAlert['state']) =>
          options.delivered ? state === 'delivered' : options.dead ? state === 'dead' : state !== 'delivered'
        const views = (await listAlerts(redis)).filter(({ state }) => wanted(state)).map(viewOf)
        context.print(options.json ? json(views, 2) : listed(views))
      }),
    )

  withConnection(alerts.command('show'))
    .description('shows one alert with every attempt: time, status, duration, error')
    .argument('<id>', 'the alert id, which is the header webhook-id of its request')
    .option('--json', 'prints one JSON object')
    .action((id: string, options: ListOptions) =>
      connected(options, context, async (redis) => {
        const view = viewOf(await findAlert(redis, id))
        context.print(options.json ? json(view, 2) : shown(view))
      }),
    )

  addAlertReplay(alerts, context)
  addAlertDiscard(alerts, context)
  addAlertPurge(alerts, context)
  addAlertTest(alerts, context)
}

function listed(views: readonly AlertView[]): string {
  if (views.length === 0) return 'none'
  return table(
    ['ID', 'STATE', 'EVENT', 'KEY', 'LIMIT', 'TOTAL', 'WEBHOOK', 'ATTEMPTS', 'NEXT OR REASON'],
    views.map(
      ({
        id,
        state,
        event,
        key_id,
        threshold,
        token_budget,
        total_tokens,
        webhook,
        attempts,
        due,
        reason,
        waits_for,
      }) => [
        id,
        state,
        event ?? '',
        key_id,
        String(threshold ?? token_budget ?? ''),
        String(total_tokens ?? ''),
        webhook,
        String(attempts.length),
        waits_for ?? due ?? reason ?? '',
      ],
    ),
  )
}

function shown(view: AlertView): string {
  const { attempts, ...facts } = view
  const head = table(
    ['FIELD', 'VALUE'],
    Object.entries(facts).map(([name, value]) => [name, String(value)]),
  )
  if (attempts.length === 0) return `${head}\n\nno attempt yet`
  const tried = table(
    ['ATTEMPT', 'TIME', 'STATUS', 'DURATION', 'ERROR'],
    attempts.map(({ time, status, duration_ms, error }, i) => [
      String(i + 1),
      time,
      String(status ?? 'none'),
      `${duration_ms} ms`,
      error ?? '',
    ]),
  )
  return `${head}\n\n${tried}`
}

/** An alert as `--json` prints it. Of the webhook it shows only the origin, because paths and credentials are secrets. */
export interface AlertView {
  readonly id: string
  readonly state: ListedAlert['state']
  readonly key_id: string
  /** token_threshold_crossed, token_budget_exceeded or test; absent where the payload is none of ours. */
  readonly event?: string
  /** Tokens, of a crossing. */
  readonly threshold?: number
  /** Tokens, of a rejection. */
  readonly token_budget?: number
  /** Tokens. */
  readonly total_tokens?: number
  readonly service?: string
  /** When the threshold was crossed or the request was refused. */
  readonly timestamp?: string
  readonly webhook: string
  /** The plugin configuration that delivers it. */
  readonly configuration: string
  /** When the next attempt is due, or when its configuration is looked up again. */
  readonly due?: string
  /** Why no attempt can be made now; absent if one can. */
  readonly waits_for?: string
  readonly reason?: string
  readonly attempts: ReadonlyArray<{
    readonly time: string
    readonly duration_ms: number
    readonly status?: number
    readonly error?: string
  }>
}

const PAYLOAD = ['event', 'threshold', 'token_budget', 'total_tokens', 'service', 'timestamp'] as const
type Payload = Pick<AlertView, (typeof PAYLOAD)[number]>

export function viewOf({ id, state, record, due, reason }: ListedAlert): AlertView {
  const payload = payloadOf(record.payload)
  return {
    id,
    state,
    key_id: record.keyId,
    ...Object.fromEntries(PAYLOAD.flatMap((name) => (name in payload ? [[name, payload[name]]] : []))),
    webhook: loggable(record.override ?? record.url),
    configuration: record.configuration,
    ...(due === undefined ? {} : { due: rfc3339(due) }),
    ...(record.parked === undefined ? {} : { waits_for: record.parked.reason }),
    ...(reason === undefined ? {} : { reason }),
    attempts: record.attempts.map(({ at, duration, status, error }) => ({
      time: new Date(at).toISOString(),
      duration_ms: duration,
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
    })),
  }
}

function payloadOf(payload: string): Payload {
  try {
    return JSON.parse(payload) ?? {}
  } catch {
    return {}
  }
}
