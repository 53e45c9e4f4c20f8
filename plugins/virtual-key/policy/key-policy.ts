import { overflowId } from '../metering/invented.ts'
import type { Format } from '../outbox/format.ts'
import { firstGeneration } from '../redis/generation.ts'
import {
  idsName,
  keyName,
  noneName,
  outboxNames,
  partitionOf,
  reservationsName,
  reservedName,
  schemaName,
  totalName,
} from '../redis/names.ts'
import { SCHEMA_VERSION } from '../redis/schema-version.ts'
import { type Window, windowAt } from './window.ts'

/** What the configuration says about a key. With `registry` the key's own record in Redis wins, field by field. */
export interface KeyPolicy {
  readonly keyId: string
  /** A client may have invented the id: it comes from a header. */
  readonly invented?: true
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
export interface CounterSnapshot {
  readonly epoch: number
  readonly total: number
}

/** What this process last saw of totals, by their names, and of the generations of partitions. */
export interface Snapshots {
  get(totalName: string): CounterSnapshot | undefined
  /** undefined: this process has seen none yet. */
  generation?(partition: number): string | undefined
  /** The partition has this generation, which is not the one that `generation` told. */
  meet?(partition: number, generation: string): void
}

/** How a key stands after the step that tells it. */
export interface QuotaStatus {
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
export function policyKeys({ keyId, windows }: KeyPolicy, own: readonly string[]): string[] {
  const partition = partitionOf(keyId)
  const { outbox, alerts } = outboxNames(partition)
  return [
    schemaName(partition),
    keyName(keyId),
    outbox,
    alerts,
    reservedName(keyId),
    reservationsName(keyId),
    idsName(partition),
    noneName(partition),
    ...own,
    ...windows.map(({ label }) => totalName(keyId, label)),
  ]
}

/**
 * ARGV of a script that starts with `termsLua`.
 * @param estimated for the records of alerts
 */
export function policyArgs(
  { keyId, invented, registry, windows, budget, rules, target }: KeyPolicy,
  consumer: string,
  known: Snapshots | undefined,
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
    known?.generation?.(partitionOf(keyId)) ?? firstGeneration(),
    invented ? 1 : 0,
    ...own,
    ...windows.flatMap(({ kind, label, end }) => {
      const seen = known?.get(totalName(keyId, label))
      const expires = end === undefined ? 0 : Math.ceil(end / 1000) + LINGER
      return [kind, label, expires, seen?.epoch ?? 0, seen?.total ?? 0]
    }),
  ]
}

/** What a script replies that did nothing, because it has to be asked otherwise. */
export type AskAgain = readonly ['clock', now: number] | readonly ['full']

/**
 * The terms to ask by instead. `clock`: the windows are in the future by Redis's clock, so that they would neither count now nor
 * be empty when they come; they become those of Redis's time. `full`: the id is one too many, and its partition's overflow id counts for it.
 */
export function askedAgain<T extends KeyPolicy>(policy: T, reply: AskAgain): T {
  if (reply[0] === 'clock')
    return { ...policy, windows: policy.windows.map(({ kind }) => windowAt(kind, reply[1])) }
  const { invented: _, ...rest } = policy
  return { ...rest, keyId: overflowId(partitionOf(policy.keyId)) } as T
}

/** A standing as scripts reply it. Tokens are decimal text: the client's parser rounds the largest integers. */
export type QuotaReply = readonly [budget: string, total: string, reserved: string, at: number]

export function quotaFrom({ windows }: KeyPolicy, [budget, total, reserved, at]: QuotaReply): QuotaStatus {
  const window = windows[at]
  if (window === undefined) throw new Error(`window ${at} of ${windows.length}`)
  return { budget: Number(budget), total: Number(total), reserved: Number(reserved), window }
}
