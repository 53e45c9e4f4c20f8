import type { Chunk } from '../json/chunk.ts'
import type { JsonDocument } from '../json/document.ts'
import type { Framing } from './framing.ts'
import type { LineReader } from './lines.ts'
import { Lines } from './lines.ts'

/** Newline-delimited JSON (application/x-ndjson, application/stream+json, application/x-jsonl): a document on each line. */
export class Ndjson implements Framing, LineReader {
  readonly blankEnds = false
  private readonly document: JsonDocument
  private readonly lines: Lines

  constructor(document: JsonDocument) {
    this.document = document
    this.lines = new Lines(this, document.markers)
  }

  get idle(): boolean {
    return !this.document.open
  }

  feed(chunk: Chunk, from = 0): void {
    this.lines.feed(chunk, from)
  }

  piece(chunk: Chunk, from: number, end: number): void {
    const at = this.document.feed(chunk, from, end)
    if (at === end) return
    this.document.refuseEnd()
    this.document.feed(chunk, at, end)
  }

  endLine(): void {
    this.document.end()
  }

  gap(): void {
    this.document.end()
    this.document.gap()
    this.lines.gap()
  }

  end(): boolean {
    this.document.end()
    return true
  }
}
