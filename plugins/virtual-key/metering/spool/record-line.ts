import { createHash } from 'node:crypto'
import type { UsageRecord } from '../usage-record.ts'

/** Version of a line's content. A line of another version stays in its file until a virtual-key of that version reads it. */
const FORMAT = 2
const CHECKSUM = 8

/** One usage record as a line of a file: checksum, blank, JSON. The JSON holds no line break. */
export function lineOf(record: UsageRecord): string {
  const json = JSON.stringify({ format: FORMAT, ...record })
  return `${checksum(json)} ${json}\n`
}

/** The content of the lines of a file. */
export interface Lines {
  readonly records: readonly UsageRecord[]
  /** Lines that are torn or corrupt. */
  readonly unreadable: number
  /** Lines that another version of virtual-key wrote. */
  readonly foreign: number
}

/** Reads the lines of a file, and never throws. The last line is incomplete if the process was killed while it wrote. */
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

/** The checksum proves that virtual-key wrote the line; this checks that the record in it can be settled. */
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
