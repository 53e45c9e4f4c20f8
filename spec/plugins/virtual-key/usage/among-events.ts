import type { CutBody } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { eventStream } from '../../../fixtures/usage/wire.ts'

/** Events that report nothing, put in at one place. */
const EVENTS = 20
/** Places that are tried in one body, so that recordings of thousands of events do not take minutes. */
const PLACES_MAX = 25

/** One body among events without usage. */
export interface AmongEvents {
  readonly how: string
  readonly whole: Buffer
  /** What the tap leaves of it: its middle, which is missing, begins and ends inside of events without usage. */
  readonly cut: CutBody
}

/**
 * A body with events that report nothing before, between or behind its own. A body that is one JSON document becomes an event. None for
 * a body that is compressed, or is neither.
 */
export function* amongEvents(body: Buffer): Generator<AmongEvents> {
  const { events, silent } = split(body)
  const step = Math.ceil((events.length + 1) / PLACES_MAX)
  for (let place = 0; events.length > 0 && place <= events.length; place += step) {
    const before = Buffer.concat([...events.slice(0, place), ...Array<Buffer>(EVENTS).fill(silent)])
    const after = Buffer.concat([...Array<Buffer>(EVENTS).fill(silent), ...events.slice(place)])
    const half = silent.length >> 1
    yield {
      how: `before event ${place} of ${events.length}`,
      whole: Buffer.concat([before, after]),
      cut: { head: before.subarray(0, before.length - half), tail: after.subarray(half) },
    }
  }
}

interface Split {
  readonly events: readonly Buffer[]
  /** An event that reports nothing. */
  readonly silent: Buffer
}

const DOCUMENT = {
  choices: [{ index: 0, delta: { content: 'He said: "usage", \\ {[}] 1, 2' } }],
  object: 'x',
}
const LINE = Buffer.from(`${JSON.stringify(DOCUMENT)}\n`)
const FRAME = eventStream([['contentBlockDelta', { delta: { text: 'Hello' } }]])
const EVENT = Buffer.from(`data: ${JSON.stringify(DOCUMENT)}\n\n`)

function split(body: Buffer): Split {
  if (body[0] === 0 && body.length >= 16) {
    return { events: frames(body), silent: FRAME }
  }
  const text = body.toString('latin1')
  if (/^[\s\u00ef\u00bb\u00bf]*[{[]/.test(text)) {
    if (isJson(body)) return { events: [Buffer.from(event(body.toString()))], silent: EVENT }
    const lines = text.split(/(?<=\n)/).map((line) => Buffer.from(line, 'latin1'))
    return { events: lines, silent: LINE }
  }
  if (!/^(data|event|id|retry|):/.test(text)) return { events: [], silent: EVENT }
  const events = text.split(/(?<=\n\n|\r\n\r\n|\r\r)/).map((one) => Buffer.from(one, 'latin1'))
  const last = events.pop() ?? Buffer.alloc(0)
  return { events: [...events, Buffer.concat([last, Buffer.from('\n\n')])], silent: EVENT }
}

function frames(body: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < body.length; at += body.readUInt32BE(at))
    found.push(body.subarray(at, at + body.readUInt32BE(at)))
  return found
}

/** On one line: no server spreads an event over thousands of them. */
function event(json: string): string {
  return `data: ${json.replace(/^\uFEFF/, '').replaceAll(/[\r\n]+/g, ' ')}\n\n`
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString().replace(/^\uFEFF/, ''))
    return true
  } catch {
    return false
  }
}
