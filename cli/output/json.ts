import { safeText } from '../../plugins/virtual-key/telemetry/safe-text.ts'

/** JSON in which nothing is left that a terminal would obey: ids and settings come from clients. */
export function json(value: unknown, indent?: number): string {
  // Line breaks inside texts are escaped already, those between members are ours.
  return safeText(String(JSON.stringify(value, null, indent)))
}
