import type { Settlement, Target } from '../../plugins/virtual-key/ledger/settle.ts'

const TARGET: Target = {
  url: 'https://alerts.example.com/hook',
  timeout: 1000,
  allowPrivateNetworks: true,
  format: 'json',
}

/** Tokens of a key with thresholds and a webhook; `url` or `target` say where its alerts go. */
export function settlement(
  keyId: string,
  tokens: number,
  { thresholds = [100], target = TARGET, ...own }: Partial<Settlement> = {},
): Settlement {
  return {
    keyId,
    tokens,
    thresholds,
    target,
    window: { kind: 'total', label: 'total' },
    alert: { key_id: keyId, timestamp: '2026-04-06T19:00:00Z' },
    ...own,
  }
}

export function targetAt(url: string, own: Partial<Target> = {}): Target {
  return { ...TARGET, url, ...own }
}

/** The nth key id of a spec, none like another's. */
export function keyNames(prefix: string): () => string {
  let next = 0
  return () => `${prefix}-${next++}`
}
