import type { Coding } from '../encoding.ts'
import { Chunk } from '../json/chunk.ts'
import type { JsonDocument } from '../json/document.ts'
import { Encoded } from './encoded.ts'
import { EventStream } from './event-stream.ts'
import type { Framing } from './framing.ts'
import { Json } from './json.ts'
import { Pending } from './pending.ts'
import type { Kind } from './sniff.ts'
import { leading, sniff } from './sniff.ts'
import { Sse } from './sse.ts'

/** Codings inside of each other. More do not occur, and each costs a decoded body. */
const LAYERS_MAX = 3

const UNREADABLE: Framing = { feed: () => {}, gap: () => {}, end: () => false }

/** What is known about a body before its first byte. */
export interface Expected {
  /** The codings that Content-Encoding names, outermost first. */
  readonly codings: readonly (readonly Coding[])[]
  /** Content-Type says AWS event stream; believed where the bytes show nothing. */
  readonly eventStream: boolean
}

/** A body of any framing: its first bytes decide which, since Content-Type is often wrong. */
export class Body implements Framing {
  private readonly document: JsonDocument
  private readonly expected: Expected
  private readonly layer: number
  private readonly pending = new Pending()
  private framing: Framing | undefined

  constructor(document: JsonDocument, expected: Expected, layer = 0) {
    this.document = document
    this.expected = expected
    this.layer = layer
    if (expected.codings.length > 0) this.framing = this.make('encoded')
  }

  feed(chunk: Chunk): void {
    if (this.framing) this.framing.feed(chunk)
    else this.begin(this.pending.with(chunk.bytes), false)
  }

  gap(): void {
    if (!this.framing) this.begin(this.pending.bytes, true)
    this.framing?.gap()
  }

  end(): boolean {
    if (!this.framing) this.begin(this.pending.bytes, true)
    return this.framing?.end() ?? true
  }

  private begin(bytes: Buffer, all: boolean): void {
    const start = leading(bytes)
    const first = bytes.subarray(start)
    const kind = first.length > 0 ? sniff(first, all) : undefined
    if (kind) {
      this.framing = this.make(kind === 'encoded' && this.expected.eventStream ? 'event-stream' : kind)
      this.framing.feed(new Chunk(first))
    } else this.pending.keep(bytes, start)
  }

  private make(kind: Kind): Framing {
    switch (kind) {
      case 'json':
        return new Json(this.document)
      case 'sse':
        return new Sse(this.document)
      case 'event-stream':
        return new EventStream(this.document)
      case 'encoded':
        return this.layer < LAYERS_MAX ? this.encoded() : UNREADABLE
    }
  }

  private encoded(): Framing {
    const [outermost = [], ...codings] = this.expected.codings
    return new Encoded(outermost, (decoded) => {
      const expected = decoded ? { ...this.expected, codings } : { ...this.expected, codings: [] }
      return new Body(this.document, expected, this.layer + 1)
    })
  }
}
