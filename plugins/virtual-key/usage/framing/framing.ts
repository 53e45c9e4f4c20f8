import type { Chunk } from '../json/chunk.ts'

/** Takes a body apart into JSON documents. Knows how they are separated, not what they mean. */
export interface Framing {
  /** Takes the next bytes. They must stay as they are until the next ones. */
  feed(chunk: Chunk): void
  /** The body's middle was cut out here. */
  gap(): void
  /** Ends the body. False: its framing was broken, and only what could be read was found. */
  end(): boolean
}
