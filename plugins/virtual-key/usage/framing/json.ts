import { KIND, OPEN } from '../json/bytes.ts'
import type { Chunk } from '../json/chunk.ts'
import type { JsonDocument } from '../json/document.ts'
import type { Framing } from './framing.ts'
import { Ndjson } from './ndjson.ts'

/**
 * A body that is one JSON document: an object, or an array of objects that are documents of their own (Gemini's stream
 * without `alt=sse`). When a second object follows the first, the body turns out to be newline-delimited JSON.
 */
export class Json implements Framing {
  private readonly document: JsonDocument
  private rest: Ndjson | undefined
  private cut = false

  constructor(document: JsonDocument) {
    this.document = document
  }

  feed(chunk: Chunk): void {
    if (this.rest) this.rest.feed(chunk)
    else this.first(chunk)
  }

  private first(chunk: Chunk): void {
    const { bytes } = chunk
    const at = this.document.feed(chunk, 0, bytes.length)
    if (at === bytes.length) return
    if (KIND[bytes[at] as number] === OPEN) {
      this.document.end()
      this.rest = new Ndjson(this.document)
      this.rest.feed(chunk, at)
    } else {
      this.document.refuseEnd()
      this.document.feed(chunk, at, bytes.length)
    }
  }

  gap(): void {
    this.cut = true
    if (this.rest) this.rest.gap()
    else this.document.gap()
  }

  end(): boolean {
    return this.rest ? this.rest.end() : this.document.end() || this.cut
  }
}
