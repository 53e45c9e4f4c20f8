import { loggable } from '../../plugins/virtual-key/outbox/target.ts'
import { WINDOW_KINDS } from '../../plugins/virtual-key/policy/window.ts'
import type { Spent } from '../../plugins/virtual-key/registry/read.ts'
import { KEY_FIELDS, type RegisteredKey } from '../../plugins/virtual-key/registry/record.ts'
import type { KeyField, KeySettings } from '../../schema/key.ts'
import { shownTime } from './text.ts'

/** `used`: a one-shot key that was used. */
export type KeyState = 'active' | 'disabled' | 'expired' | 'used'

/** A registered key as `--json` prints it. The webhook is its origin only: paths and credentials are secrets. */
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

/** What one row of `vk keys list` says under HEAD. */
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

/** Of the record's window; without one the configuration decides, which is not known here: of every window that has a total. */
function spentText({ window }: KeyView, { totals }: Spent): string {
  const own = WINDOW_KINDS.find((kind) => kind === window)
  if (own !== undefined) return String(totals[own] ?? 0)
  const found = WINDOW_KINDS.filter((kind) => totals[kind] !== undefined)
  return found.map((kind) => `${totals[kind]}${kind === 'total' ? '' : ` (${kind})`}`).join(', ') || '0'
}
