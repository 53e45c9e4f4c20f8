import type { RecordId, Settlement } from './settle.ts'

/** The usage of one response, on its way to its key's counter. */
export interface UsageRecord {
  readonly id: RecordId
  readonly settlement: Settlement
  /** The label of its alerts; absent where it has not been asked for yet. */
  readonly service?: string
}
