import { randomBytes } from 'node:crypto'
import type { Format } from '../outbox/format.ts'
import {
  DISPATCHERS,
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
import { overflowId } from './overflow.ts'
import { type Window, type WindowKind, windowAt } from './window.ts'

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
  /** Tokens reserved by requests under way. */
  readonly reserved: number
  readonly window: Window
}

/** KEYS of a script that begins with includes/policy.lua. @param own of the script itself */
export function policyKeys({ keyId, windows }: KeyPolicy, own: readonly string[] = []): string[] {
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

/** What a script that begins with includes/policy.lua reads of a policy, by name; the script's own come beside it. */
export interface PolicyArguments {
  readonly known_schema: number
  readonly known_generation: string
  readonly registry: boolean
  readonly key_id: string
  readonly invented: boolean
  readonly configured_budget: number
  readonly configured_threshold: number
  readonly configured_thresholds: string
  readonly configured_percents: string
  readonly configured_webhook: string
  readonly configured_kind: WindowKind
  readonly kind: WindowKind
  readonly counter_name: string
  readonly ends: number
  readonly known_epoch: number
  readonly known_total: number
  readonly other_windows: object | undefined
  readonly group: string
  readonly consumer: string
  readonly alert_record: string
}

/**
 * @param consumer the dispatcher that takes over the alerts
 * @param estimated the tokens are an estimate, and the alert says so
 */
export function policyArguments(
  { keyId, invented, registry, windows, budget, rules, target: { url, ...delivery } }: KeyPolicy,
  known: Snapshots | undefined,
  consumer: string,
  estimated?: true,
): PolicyArguments {
  const [own] = windows
  const snapshot = ({ label }: Window) => known?.get(totalName(keyId, label))
  // A key's record may name any kind of window. It is the one in which the key was counted before, if it was here.
  const expected = windows.find(snapshot) ?? own
  if (own === undefined || expected === undefined) throw new Error('a policy without a window')
  const others = windows.filter((one) => one !== expected)
  const stateOf = (one: Window) => {
    const { epoch, total } = snapshot(one) ?? {}
    return {
      label: one.label,
      ends: one.end === undefined ? undefined : Math.ceil(one.end / 1000),
      epoch,
      total,
    }
  }
  const { ends, epoch, total } = stateOf(expected)
  return {
    known_schema: SCHEMA_VERSION,
    known_generation: known?.generation?.(partitionOf(keyId)) ?? firstGeneration(),
    registry,
    key_id: keyId,
    invented: invented === true,
    configured_budget: budget,
    configured_threshold: rules.threshold,
    configured_thresholds: rules.thresholds.join(),
    configured_percents: rules.percents.join(),
    configured_webhook: url === undefined ? '' : JSON.stringify(url),
    configured_kind: own.kind,
    kind: expected.kind,
    counter_name: totalName(keyId, expected.label),
    ends: ends ?? 0,
    known_epoch: epoch ?? 0,
    known_total: total ?? 0,
    other_windows: registry ? Object.fromEntries(others.map((one) => [one.kind, stateOf(one)])) : undefined,
    group: DISPATCHERS,
    consumer,
    alert_record: JSON.stringify({ keyId, ...delivery, estimated, attempts: [] }).slice(0, -1),
  }
}

/** What a caller sends that knows no generation: `+` and the one to begin with where there is none. */
function firstGeneration(): string {
  return `+${randomBytes(8).toString('hex')}`
}

/** What a script replies that did nothing, because it has to be asked otherwise. */
export type AskAgain = readonly ['clock', now: number] | readonly ['full']

/**
 * The policy to ask by instead. `clock`: the windows are in the future by Redis's clock, so that they would neither count now nor
 * be empty when they come; they become those of Redis's time. `full`: the id is one too many, and its partition's overflow id counts for it.
 */
export function askedAgain<T extends KeyPolicy>(policy: T, reply: AskAgain): T {
  if (reply[0] === 'clock')
    return { ...policy, windows: policy.windows.map(({ kind }) => windowAt(kind, reply[1])) }
  const { invented: _, ...rest } = policy
  return { ...rest, keyId: overflowId(partitionOf(policy.keyId)) } as T
}

/**
 * How a key stands, as scripts reply it. Tokens are decimal text, because the client's parser rounds the largest integers; the budget is empty
 * where it is the policy's.
 */
export type QuotaReply = readonly [budget: string, total: string, reserved: string, kind: WindowKind]

export function quotaFrom(policy: KeyPolicy, [budget, total, reserved, kind]: QuotaReply): QuotaStatus {
  const window = policy.windows.find((one) => one.kind === kind)
  if (window === undefined) throw new Error(`the script counted in a window that was not asked for: ${kind}`)
  return {
    budget: budget === '' ? policy.budget : Number(budget),
    total: Number(total),
    reserved: Number(reserved),
    window,
  }
}
