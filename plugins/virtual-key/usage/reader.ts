import { fill, usageOf } from './counts.ts'
import { codings } from './encoding.ts'
import { headerCounts } from './formats/headers.ts'
import { PATHS, USAGE_MARKERS } from './formats.ts'
import { Body } from './framing/body.ts'
import { Chunk } from './json/chunk.ts'
import { JsonDocument } from './json/document.ts'
import { Tally } from './tally.ts'
import type { Hints, Reading, Usage } from './usage.ts'

const MARKERS = USAGE_MARKERS.map((marker) => Buffer.from(marker))

/**
 * Reads usage out of a response body that arrives in pieces: `feed` each, then `end` once. Never throws. A plain body is
 * not kept, but for its last 256 KiB; an encoded one is, up to 64 MiB. A piece must stay as it is until the next one.
 */
export class UsageReader {
  private readonly hints: Hints
  private readonly tally = new Tally()
  private readonly body: Body

  constructor(hints: Hints = {}) {
    this.hints = hints
    const document = new JsonDocument(PATHS, MARKERS, (facts) => this.tally.add(facts))
    this.body = new Body(document, {
      codings: codings(hints.contentEncoding),
      eventStream: hints.contentType?.includes('amazon.eventstream') ?? false,
    })
  }

  feed(piece: Uint8Array): void {
    if (piece.length > 0) this.body.feed(new Chunk(piece))
  }

  /** The body's middle was cut out here: the next piece is the beginning of its end. */
  gap(): void {
    this.body.gap()
  }

  /** The usage that the body reports; undefined when it reports none. */
  end(): Usage | undefined {
    return this.inspect().usage
  }

  /** `end` which tells why there is no usage. */
  inspect(): Reading {
    const readable = this.body.end()
    const counts = fill(this.tally.counts, headerCounts(this.hints.headers))
    const usage = counts && usageOf(counts)
    const { answer } = this.tally
    return {
      ...(answer === undefined ? {} : { answer }),
      ...(usage && this.tally.partial ? { partial: true } : {}),
      ...(usage ? { usage } : { reason: readable ? 'no_usage' : 'unreadable' }),
    }
  }
}
