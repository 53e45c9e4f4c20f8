import type { Step } from './step.ts'
import { virtualKeys } from './steps/001_virtual_keys.ts'
import { virtualKeyAlert } from './steps/002_virtual_key_alert.ts'

/** The steps of the Redis schema. Step n leads from schema n - 1 to schema n. Append only; SCHEMA_VERSION is its length. */
export const STEPS: readonly Step[] = [virtualKeys, virtualKeyAlert]
