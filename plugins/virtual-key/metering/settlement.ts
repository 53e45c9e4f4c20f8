import { rfc3339 } from '../../../schema/alert.ts'
import type { Reservation } from '../admission/reserve.ts'
import { policyOf, type Settings } from '../policy/settings.ts'
import type { Counted } from './estimate/counted.ts'
import type { Settlement } from './settle.ts'

/**
 * What one response adds to its key, and where its alerts go.
 * @param signer names the configuration whose secrets sign @param at milliseconds since 1970
 * @param answer id of one that is counted whenever it is fetched
 */
export function settlementOf(
  settings: Settings,
  configuration: string,
  keyId: string,
  { usage, estimated }: Counted,
  reservation: Reservation | undefined,
  at: number,
  answer?: string,
): Settlement {
  return {
    ...policyOf(settings, configuration, keyId, at),
    tokens: usage.totalTokens,
    ...(reservation === undefined ? {} : { reservation }),
    ...(answer === undefined ? {} : { answer }),
    ...(estimated ? { estimated } : {}),
    alert: { key_id: keyId, timestamp: rfc3339(at) },
  }
}
