import { createHash } from 'node:crypto'
import type { UsageRecord } from '../usage-record.ts'

/** Of what a line says. A record that this version cannot read waits for the version that wrote it. */
const FORMAT = 2
const CHECKSUM = 8

/** One usage record as a line of a file: checksum, blank, JSON. The JSON holds no line break. */
export function lineOf(record: UsageRecord): string {
  const json = JSON.stringify({ format: FORMAT, ...record })
  return `${checksum(json)} ${json}\n`
}

/** What the lines of a file hold. */
export interface Lines {
  readonly records: readonly UsageRecord[]
  /** Lines that are torn or corrupt. */
  readonly unreadable: number
  /** Lines that another version of virtual-key wrote. */
  readonly foreign: number
}

/** Reads the lines of a file, whatever they hold. The last one is torn where its process was killed while it wrote. */
export function linesOf(text: string): Lines {
  const records: UsageRecord[] = []
  let [unreadable, foreign] = [0, 0]
  for (const line of text.split('\n')) {
    if (line === '') continue
    const value = contentOf(line)
    if (value === undefined) unreadable++
    else if (value.format !== FORMAT) foreign++
    else if (isRecord(value)) {
      const { format: _, ...record } = value
      records.push(record)
    } else unreadable++
  }
  return { records, unreadable, foreign }
}

function contentOf(line: string): Record<string, unknown> | undefined {
  const json = line.slice(CHECKSUM + 1)
  if (line.slice(0, CHECKSUM + 1) !== `${checksum(json)} `) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The checksum says that virtual-key wrote it; this, that it can be settled at all. */
function isRecord(value: object): value is UsageRecord & { readonly format: unknown } {
  const { id, keyId, tokens, windows } = value as Partial<UsageRecord>
  return (
    typeof id?.processId === 'string' &&
    Number.isSafeInteger(id.sequence) &&
    typeof keyId === 'string' &&
    Number.isSafeInteger(tokens) &&
    Array.isArray(windows) &&
    windows.length > 0
  )
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, CHECKSUM)
}
