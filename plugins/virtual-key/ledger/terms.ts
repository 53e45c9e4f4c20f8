import {
  keyName,
  outboxNames,
  partitionOf,
  reservationsName,
  reservedName,
  schemaName,
  totalName,
} from '../keys.ts'
import type { Format } from '../outbox/format.ts'
import { SCHEMA_VERSION } from '../registry/schema-version.ts'
import type { Window } from '../window.ts'

/** What the configuration says about a key. With `registry` the key's own record in Redis wins, field by field. */
export interface Terms {
  readonly keyId: string
  readonly registry: boolean
  /** Windows that the key may be counted in, the configuration's own first. Without the registry just that one. */
  readonly windows: readonly Window[]
  /** Tokens; 0 = unlimited. */
  readonly budget: number
  readonly rules: AlertRules
  /** Where alerts go and how. */
  readonly target: Target
}

/** Which totals fire an alert; 0 and empty = none. */
export interface AlertRules {
  /** Tokens. */
  readonly threshold: number
  /** Tokens. */
  readonly thresholds: readonly number[]
  /** Percent of the budget, where there is one. */
  readonly percents: readonly number[]
}

/** Everything about a delivery but its body, as the crossing says. Signing keys stay out of Redis: the configuration's id names them. */
export interface Target {
  /** Absent: alerts are only reported back, unless the key's record names a webhook. */
  readonly url?: string
  /** Id of the plugin configuration. */
  readonly configuration: string
  /** It has secrets that sign. */
  readonly signed?: true
  /** Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
}

/** The last state of a key's counter that this process has seen in a reply. */
export interface Known {
  readonly epoch: number
  readonly total: number
}

/** What this process last saw of totals, by their names. */
export interface Seen {
  get(totalName: string): Known | undefined
}

/** How a key stands after the step that tells it. */
export interface Standing {
  /** Tokens that the key may spend in the window; 0 = unlimited. */
  readonly budget: number
  /** Tokens spent in the window. */
  readonly total: number
  /** Tokens held by requests under way. */
  readonly reserved: number
  readonly window: Window
}

/** Counters outlive their window, so that a settlement that waited while Redis was away still finds its own. Unit: seconds. */
export const LINGER = 86_400

/** KEYS of a script that starts with `termsLua`. */
export function termsKeys({ keyId, windows }: Terms, own: readonly string[]): string[] {
  const partition = partitionOf(keyId)
  const { outbox, alerts } = outboxNames(partition)
  return [
    schemaName(partition),
    keyName(keyId),
    outbox,
    alerts,
    reservedName(keyId),
    reservationsName(keyId),
    ...own,
    ...windows.map(({ label }) => totalName(keyId, label)),
  ]
}

/**
 * ARGV of a script that starts with `termsLua`.
 * @param estimated for the records of alerts
 */
export function termsArgs(
  { keyId, registry, windows, budget, rules, target }: Terms,
  consumer: string,
  known: Seen | undefined,
  own: ReadonlyArray<string | number>,
  estimated?: true,
): Array<string | number> {
  const { url, ...delivery } = target
  return [
    SCHEMA_VERSION,
    registry ? 1 : 0,
    keyId,
    consumer,
    budget,
    rules.threshold,
    rules.thresholds.join(),
    rules.percents.join(),
    JSON.stringify({ keyId, ...delivery, estimated, attempts: [] }).slice(0, -1),
    url === undefined ? '' : JSON.stringify(url),
    ...own,
    ...windows.flatMap(({ kind, label, end }) => {
      const seen = known?.get(totalName(keyId, label))
      const expires = end === undefined ? 0 : Math.ceil(end / 1000) + LINGER
      return [kind, label, expires, seen?.epoch ?? 0, seen?.total ?? 0]
    }),
  ]
}

/** A standing as scripts reply it. Tokens are decimal text: the client's parser rounds the largest integers. */
export type StandingReply = readonly [budget: string, total: string, reserved: string, at: number]

export function standingFrom({ windows }: Terms, [budget, total, reserved, at]: StandingReply): Standing {
  const window = windows[at]
  if (window === undefined) throw new Error(`window ${at} of ${windows.length}`)
  return { budget: Number(budget), total: Number(total), reserved: Number(reserved), window }
}
