import { type AlertFacts, rfc3339 } from '../../../schema/alert.ts'
import type { Reservation } from '../admission/reserve.ts'
import type { KeyPolicy } from '../policy/key-policy.ts'
import { policyOf, type Settings } from '../policy/settings.ts'
import type { Counted } from './estimate/counted.ts'

/** The usage of one response, and what holds for its key: all that it takes to add it to the key's counter, once. */
export interface UsageRecord extends KeyPolicy {
  readonly id: RecordId
  /** The service as alerts name it; absent where nobody has asked Kong for it yet. */
  readonly service?: string
  /** At least 0. */
  readonly tokens: number
  /** What the request has reserved of the budget; settling releases it in the same step. */
  readonly reservation?: Reservation
  /** Id of an answer that is counted each time it is fetched: only tokens beyond those counted before are added. */
  readonly answer?: string
  /** The tokens are an estimate, and the alert says so. */
  readonly estimated?: true
  readonly alert: Omit<AlertFacts, 'service'>
}

/** Names a usage record for ever: however often and in whatever order it is sent, it counts once. */
export interface RecordId {
  /** The process that made the record. */
  readonly processId: string
  /** Counts up from 0 in each partition of each process. */
  readonly sequence: number
}

/** A usage record before the process has numbered it. */
export type NewUsageRecord = Omit<UsageRecord, 'id'>

/** What is known of one response when it is recorded. */
export interface RecordFacts {
  readonly keyId: string
  readonly counted: Counted
  readonly service: string | undefined
  readonly reservation: Reservation | undefined
  /** Id of an answer that is counted each time it is fetched. */
  readonly answer: string | undefined
}

/** @param configuration id of the configuration @param at milliseconds since 1970 */
export function usageRecordOf(
  { keyId, counted: { usage, estimated }, service, reservation, answer }: RecordFacts,
  settings: Settings,
  configuration: string,
  at: number,
): NewUsageRecord {
  return {
    ...policyOf(settings, configuration, keyId, at),
    tokens: usage.totalTokens,
    ...(service === undefined ? {} : { service }),
    ...(reservation === undefined ? {} : { reservation }),
    ...(answer === undefined ? {} : { answer }),
    ...(estimated ? { estimated } : {}),
    alert: { key_id: keyId, timestamp: rfc3339(at) },
  }
}
