import type { Command } from 'commander'
import type { Connection } from '../plugins/virtual-key/ledger/script.ts'
import type { Log } from '../plugins/virtual-key/log.ts'
import type { AlertRecord } from '../plugins/virtual-key/outbox/record.ts'
import { requeue } from '../plugins/virtual-key/outbox/requeue.ts'
import { type Surveyed, survey } from '../plugins/virtual-key/outbox/survey.ts'
import { type AlertView, viewOf } from './alert-view.ts'
import { addAlertTest } from './alerts-test.ts'
import { type ConnectionOptions, connected, withConnection } from './connection.ts'
import { Failure } from './failure.ts'
import { table } from './table.ts'

interface ListOptions extends ConnectionOptions {
  readonly dead?: boolean
  readonly delivered?: boolean
  readonly json?: boolean
}

/** `vk alerts`: what is in the outbox, and what to do about it. */
export function addAlerts(program: Command, log: Log, print: (text: string) => void): void {
  const alerts = program.command('alerts').description('alerts that wait, are dead, or were delivered')

  withConnection(alerts.command('list'))
    .description('alerts that are not delivered')
    .option('--dead', 'only the dead ones')
    .option('--delivered', 'only the delivered ones, as far back as the history goes')
    .option('--json', 'one JSON array')
    .action((options: ListOptions) =>
      connected(options, log, async (redis) => {
        const wanted = (state: Surveyed['state']) =>
          options.delivered ? state === 'delivered' : options.dead ? state === 'dead' : state !== 'delivered'
        const views = (await survey(redis)).filter(({ state }) => wanted(state)).map(viewOf)
        print(options.json ? JSON.stringify(views, null, 2) : listed(views))
      }),
    )

  withConnection(alerts.command('show'))
    .description('one alert with every attempt: time, status, duration, error')
    .argument('<id>', 'the webhook-id')
    .option('--json', 'one JSON object')
    .action((id: string, options: ListOptions) =>
      connected(options, log, async (redis) => {
        const view = viewOf(await find(redis, id))
        print(options.json ? JSON.stringify(view, null, 2) : shown(view))
      }),
    )

  withConnection(alerts.command('replay'))
    .description('sends an alert again, with a fresh schedule; its earlier attempts stay on record')
    .argument('[id]', 'the webhook-id')
    .option('--all-dead', 'every dead alert')
    .action((id: string | undefined, options: ConnectionOptions & { readonly allDead?: boolean }) =>
      connected(options, log, async (redis) => {
        if ((id === undefined) !== (options.allDead === true)) {
          throw new Failure('give either the id of an alert or --all-dead', 2)
        }
        const chosen =
          id === undefined
            ? (await survey(redis)).filter(({ state }) => state === 'dead')
            : [await find(redis, id)]
        let replayed = 0
        for (const one of chosen) if (await replay(redis, one)) replayed++
        print(`${replayed} of ${chosen.length} alerts will be sent again`)
        if (replayed < chosen.length)
          throw new Failure('the others were replayed or removed by somebody else')
      }),
    )

  addAlertTest(alerts, log, print)
}

/** The same alert can be in the history more than once, if it was replayed: the state that needs somebody comes first. */
async function find(redis: Connection, id: string): Promise<Surveyed> {
  const found = (await survey(redis)).filter((one) => one.id === id)
  const one = found.find(({ state }) => state !== 'delivered') ?? found.at(-1)
  if (one === undefined) throw new Failure(`there is no alert ${JSON.stringify(id)}`)
  return one
}

async function replay(
  redis: Connection,
  { id, partition, state, record, entry }: Surveyed,
): Promise<boolean> {
  if (state === 'new') throw new Failure(`alert ${id} is being delivered`)
  const fresh: AlertRecord = { ...record, earlier: record.attempts.length }
  return requeue(redis, partition, id, fresh, state === 'dead' ? entry : undefined)
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
      }) => [
        id,
        state,
        event ?? '',
        key_id,
        String(threshold ?? token_budget ?? ''),
        String(total_tokens ?? ''),
        webhook,
        String(attempts.length),
        due ?? reason ?? '',
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
