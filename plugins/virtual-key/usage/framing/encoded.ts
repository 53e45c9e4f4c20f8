import type { Coding } from '../encoding.ts'
import { decode, isText, signature } from '../encoding.ts'
import { Chunk } from '../json/chunk.ts'
import type { Framing } from './framing.ts'
import { Pending } from './pending.ts'
import { isEventStream } from './sniff.ts'

/** Largest encoded body, in bytes. It is kept whole, because the runtime decodes synchronously only all at once. */
const ENCODED_MAX = 64 * 1024 * 1024

/** A body in a content coding, or one of which nothing is known. */
export class Encoded implements Framing {
  private readonly hinted: readonly Coding[]
  private readonly inner: (decoded: boolean) => Framing
  private readonly pending = new Pending()
  private size = 0
  private cut = false

  /** `hinted`: what Content-Encoding says. `inner` makes what reads the body once it is, or already was, decoded. */
  constructor(hinted: readonly Coding[], inner: (decoded: boolean) => Framing) {
    this.hinted = hinted
    this.inner = inner
  }

  feed(chunk: Chunk): void {
    if (this.cut) return
    this.size += chunk.bytes.length
    if (this.size <= ENCODED_MAX) this.pending.keep(this.pending.with(chunk.bytes), 0)
    else this.pending.clear()
  }

  /** What comes after missing bytes cannot be decoded: what came before them is all there is. */
  gap(): void {
    this.cut = true
  }

  end(): boolean {
    const bytes = this.pending.bytes
    const shown = signature(bytes)
    const plain = this.hinted.length > 0 ? isText(bytes) || isEventStream(bytes) : shown && isText(bytes)
    if (plain) return this.read(bytes, false)
    const known = shown ? [shown, ...this.hinted] : this.hinted
    const decoded = decode(bytes, known.length > 0 ? known : ['br'])
    if (decoded) return this.read(decoded, true) && !this.cut
    return known.length === 0 && this.size <= ENCODED_MAX
  }

  private read(bytes: Uint8Array, decoded: boolean): boolean {
    const framing = this.inner(decoded)
    framing.feed(new Chunk(bytes))
    return framing.end()
  }
}
