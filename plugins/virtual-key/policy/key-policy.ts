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

/** A window as scripts read it, see includes/policy.lua. */
interface WindowArguments {
  readonly kind?: WindowKind | undefined
  readonly counter: string
  readonly ends?: number | undefined
  readonly epoch?: number | undefined
  readonly total?: number | undefined
}

/** What scripts read of a policy, by name. What is absent is not sent: each member costs Redis a tenth of a microsecond. */
export interface PolicyArguments extends WindowArguments {
  readonly schema: string
  readonly generation: string
  readonly registry?: true | undefined
  readonly invented?: string | undefined
  readonly budget?: number | undefined
  readonly threshold?: number | undefined
  readonly thresholds?: string | undefined
  readonly percents?: string | undefined
  readonly configured_kind?: WindowKind | undefined
}

/** The first argument of a script that begins with includes/policy.lua; the script's own come beside it. */
export function policyArguments(
  { keyId, invented, registry, windows, budget, rules }: KeyPolicy,
  known: Snapshots | undefined,
): PolicyArguments {
  const [own] = windows
  // A key's record may name any kind of window. It is the one in which the key was counted before, if it was here.
  const expected = windows.find(({ label }) => known?.get(totalName(keyId, label))) ?? own
  if (own === undefined || expected === undefined) throw new Error('a policy without a window')
  return {
    schema: String(SCHEMA_VERSION),
    generation: known?.generation?.(partitionOf(keyId)) ?? firstGeneration(),
    registry: registry || undefined,
    invented: invented && keyId,
    budget: budget || undefined,
    threshold: rules.threshold || undefined,
    thresholds: rules.thresholds.join() || undefined,
    percents: rules.percents.join() || undefined,
    configured_kind: registry ? own.kind : undefined,
    kind: expected.kind === 'total' ? undefined : expected.kind,
    ...windowArguments(keyId, expected, known),
  }
}

function windowArguments(
  keyId: string,
  { label, end }: Window,
  known: Snapshots | undefined,
): WindowArguments {
  const counter = totalName(keyId, label)
  const { epoch, total } = known?.get(counter) ?? {}
  return {
    counter,
    ends: end === undefined ? undefined : Math.ceil(end / 1000),
    epoch: epoch || undefined,
    total,
  }
}

/** What a caller sends that knows no generation: `+` and the one to begin with where there is none. */
function firstGeneration(): string {
  return `+${randomBytes(8).toString('hex')}`
}

/** Every window by its kind, for the case that the key's record names another one; undefined without the registry. */
export function otherWindows(
  { keyId, registry, windows }: KeyPolicy,
  known: Snapshots | undefined,
): object | undefined {
  if (!registry) return undefined
  return Object.fromEntries(windows.map((one) => [one.kind, windowArguments(keyId, one, known)]))
}

/** What a script needs only where there is something to alert of, see includes/alert.lua. */
export interface AlertArguments {
  readonly key_id: string
  readonly consumer: string
  readonly group: string
  readonly record: string
  readonly url: string | undefined
  readonly payload: object | undefined
}

/**
 * @param payload the texts around the numbers that only the script knows; undefined: the service's label is not known yet
 * @param estimated the tokens are an estimate
 */
export function alertArguments(
  { keyId, target: { url, ...delivery } }: KeyPolicy,
  consumer: string,
  payload: object | undefined,
  estimated?: true,
): AlertArguments {
  return {
    key_id: keyId,
    consumer,
    group: DISPATCHERS,
    record: JSON.stringify({ keyId, ...delivery, estimated, attempts: [] }).slice(0, -1),
    url: url === undefined ? undefined : JSON.stringify(url),
    payload,
  }
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
