import type { NewUsageRecord } from '../../plugins/virtual-key/metering/usage-record.ts'
import type { KeyPolicy, Target } from '../../plugins/virtual-key/policy/key-policy.ts'
import type { Window } from '../../plugins/virtual-key/policy/window.ts'

const TARGET: Target = {
  url: 'https://alerts.example.com/hook',
  configuration: 'plugin-0',
  timeout: 1000,
  allowPrivateNetworks: true,
  format: 'json',
}

type Own<T> = Partial<T> & { readonly thresholds?: readonly number[]; readonly window?: Window }

/** What a configuration without a registry says about a key, and what a spec adds. */
export function policy(
  keyId: string,
  { thresholds = [100], window = { kind: 'total', label: 'total' }, ...own }: Own<KeyPolicy> = {},
): KeyPolicy {
  return {
    keyId,
    registry: false,
    windows: [window],
    budget: 0,
    rules: { threshold: 0, thresholds, percents: [] },
    target: TARGET,
    ...own,
  }
}

/** Tokens of a key with thresholds and a webhook; `target` says where its alerts go. */
export function usageRecord(keyId: string, tokens: number, own: Own<NewUsageRecord> = {}): NewUsageRecord {
  return {
    tokens,
    alert: { key_id: keyId, timestamp: '2026-04-06T19:00:00Z' },
    ...policy(keyId, own),
  }
}

export function targetAt(url: string, own: Partial<Target> = {}): Target {
  return { ...TARGET, url, ...own }
}

/** Crossings are only returned, and no alert is sent. */
export function silentTarget(): Target {
  const { url: _, ...rest } = TARGET
  return rest
}

/** The nth key id of a spec, different from those of all other specs. */
export function keyNames(prefix: string): () => string {
  let next = 0
  return () => `${prefix}-${next++}`
}
