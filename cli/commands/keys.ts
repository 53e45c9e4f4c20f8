import type { Command } from 'commander'
import { loggable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { WINDOW_KINDS } from '../../plugins/virtual-key/policy/window.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { KEY_FIELDS, type RegisteredKey } from '../../plugins/virtual-key/registry/key-record.ts'
import { readKey, registeredKeys, type Spent, spentBy } from '../../plugins/virtual-key/registry/keys.ts'
import type { KeyField, KeySettings } from '../../schema/key.ts'
import type { CommandContext } from '../context.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { PagedTable, table } from '../output/table.ts'
import { json, shownTime } from '../output/text.ts'
import { addKeysCreate } from './keys-create.ts'
import { addKeysDelete } from './keys-delete.ts'
import { addKeysImport } from './keys-import.ts'
import { addKeysRotate } from './keys-rotate.ts'
import { addKeysUpdate, unknownKey } from './keys-update.ts'

/** `vk keys`: virtual keys and their settings in the registry, which take precedence over the plugin's configuration. */
export function addKeys(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('creates, lists, changes and removes virtual keys')
  addKeysList(keys, context)
  addKeysUpdate(keys, context)
  addKeysImport(keys, context)
  addKeysCreate(keys, context)
  addKeysRotate(keys, context)
  addKeysDelete(keys, context)
}

interface ShowOptions extends ConnectionOptions {
  readonly json?: boolean
}

/** Keys read and printed at once. */
const PAGE = 500

/** `vk keys list` and `vk keys show`. */
export function addKeysList(keys: Command, context: CommandContext): void {
  withConnection(keys.command('list'))
    .description('lists every registered key with its state, its budget and what it has spent')
    .option('--json', 'prints one JSON array, a key on each line')
    .action((options: ShowOptions) =>
      connected(options, context, (redis) =>
        options.json ? listJson(redis, context) : listTable(redis, context),
      ),
    )

  withConnection(keys.command('show'))
    .description('shows all settings of one registered key')
    .argument('<id>', 'the key id')
    .option('--json', 'prints one JSON object')
    .action((id: string, options: ShowOptions) =>
      connected(options, context, async (redis) => {
        const found = await readKey(redis, id)
        if (found === undefined) throw unknownKey(id)
        const view = keyView(found, Date.now())
        const rows = Object.entries(view).map(([name, value]) => [name, String(value)])
        context.print(options.json ? json(view, 2) : table(['FIELD', 'VALUE'], rows))
      }),
    )
}

async function listTable(redis: Connection, context: CommandContext): Promise<void> {
  const text = new PagedTable(LIST_HEAD)
  let found = false
  for await (const page of pages(redis)) {
    context.print(text.page(page.map(([view, spent]) => listRow(view, spent))))
    found = true
  }
  if (!found) context.print('none')
}

async function listJson(redis: Connection, context: CommandContext): Promise<void> {
  let before = '['
  for await (const page of pages(redis)) {
    for (const [view, { totals, reserved }] of page) {
      context.print(`${before}${json({ ...view, spent: totals, reserved })}`)
      before = ','
    }
  }
  context.print(before === '[' ? '[]' : ']')
}

type Shown = readonly [KeyView, Spent]

async function* pages(redis: Connection): AsyncGenerator<Shown[]> {
  let page: RegisteredKey[] = []
  for await (const one of registeredKeys(redis)) {
    page.push(one)
    if (page.length < PAGE) continue
    yield await shown(redis, page)
    page = []
  }
  if (page.length > 0) yield await shown(redis, page)
}

async function shown(redis: Connection, page: readonly RegisteredKey[]): Promise<Shown[]> {
  const now = Date.now()
  return Promise.all(page.map(async (one) => [keyView(one, now), await spentBy(redis, one.id, now)] as const))
}

/** `used`: a one-shot key that was used. */
export type KeyState = 'active' | 'disabled' | 'expired' | 'used'

/** A registered key as `--json` prints it. Of the webhook it shows only the origin, because paths and credentials are secrets. */
export type KeyView = {
  readonly id: string
  readonly state: KeyState
  readonly created_at: string
  readonly updated_at: string
  readonly epoch: number
} & { readonly [N in KeyField]?: string | number | boolean | readonly number[] }

/** @param now milliseconds since 1970 */
export function stateOf({ disabled, expires_at, one_shot, used_at }: KeySettings, now: number): KeyState {
  if (disabled) return 'disabled'
  if (expires_at !== undefined && expires_at <= now) return 'expired'
  return one_shot && used_at !== undefined ? 'used' : 'active'
}

/** @param now milliseconds since 1970 */
export function keyView({ id, createdAt, updatedAt, epoch, settings }: RegisteredKey, now: number): KeyView {
  const shown = KEY_FIELDS.flatMap((name) => {
    const value = settings[name]
    return value === undefined ? [] : [[name, shownValue(name, value)] as const]
  })
  return {
    id,
    state: stateOf(settings, now),
    created_at: shownTime(createdAt),
    updated_at: shownTime(updatedAt),
    epoch,
    ...Object.fromEntries(shown),
  }
}

function shownValue<V>(name: KeyField, value: V): V | string {
  if (name === 'expires_at' || name === 'used_at') return shownTime(Number(value))
  return name === 'alert_webhook' ? loggable(String(value)) : value
}

/** The columns of `vk keys list`. */
export const LIST_HEAD = [
  'ID',
  'STATE',
  'SCOPE',
  'BUDGET',
  'WINDOW',
  'SPENT',
  'THRESHOLDS',
  'EXPIRES',
] as const

export function listRow(view: KeyView, spent: Spent): string[] {
  const { alert_threshold, alert_thresholds, alert_percents } = view
  const thresholds = [
    ...[alert_threshold ?? [], alert_thresholds ?? []].flat(),
    ...[alert_percents ?? []].flat().map((percent) => `${percent}%`),
  ]
  return [
    view.id,
    view.state,
    String(view.scope ?? ''),
    String(view.token_budget ?? ''),
    String(view.window ?? ''),
    spentText(view, spent),
    thresholds.join(','),
    String(view.expires_at ?? ''),
  ]
}

/** Tokens in the window of the record. Without one the configuration decides, which is unknown here: then in each window with a total. */
function spentText({ window }: KeyView, { totals }: Spent): string {
  const own = WINDOW_KINDS.find((kind) => kind === window)
  if (own !== undefined) return String(totals[own] ?? 0)
  const found = WINDOW_KINDS.filter((kind) => totals[kind] !== undefined)
  return found.map((kind) => `${totals[kind]}${kind === 'total' ? '' : ` (${kind})`}`).join(', ') || '0'
}
