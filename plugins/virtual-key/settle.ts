import { rfc3339 } from '../../schema/alert.ts'
import type { Counted } from './estimate/counted.ts'
import type { Settlement } from './ledger/settle.ts'
import type { Settings } from './settings.ts'
import { windowAt } from './window.ts'

/**
 * What one response adds to its key, and where its alerts go.
 * @param signer names the configuration whose secrets sign @param at milliseconds since 1970
 */
export function settlementOf(
  { thresholds, window, webhook }: Settings,
  signer: string,
  keyId: string,
  { usage, estimated }: Counted,
  at: number,
): Settlement {
  return {
    keyId,
    tokens: usage.totalTokens,
    window: windowAt(window, at),
    thresholds,
    ...(estimated ? { estimated } : {}),
    alert: { key_id: keyId, timestamp: rfc3339(at) },
    ...(webhook === undefined
      ? {}
      : {
          target: {
            url: webhook.url,
            timeout: webhook.timeout,
            allowPrivateNetworks: webhook.allowPrivateNetworks,
            format: webhook.format,
            ...(webhook.keys.length > 0 ? { signer } : {}),
          },
        }),
  }
}
