/** The parts of a request and its answer that an estimate of their usage can use. */
export interface Sample {
  /** The request's body or its beginning. */
  readonly request: Uint8Array
  /** Bytes that the request's body had, as far as is known; more than `request` where only its beginning is there. */
  readonly sent?: number
  /** Content-Type and Content-Encoding of the request. */
  readonly requestType?: string
  readonly requestEncoding?: string
  /** Content-Type and Content-Encoding of the answer. */
  readonly type?: string
  readonly encoding?: string
  /** The answer's body or its beginning, and its end where the middle is missing. */
  readonly head: Uint8Array
  readonly tail?: Uint8Array
  /** Bytes that the answer had. */
  readonly seen: number
  /** It is made in the background: what the model thinks is counted when it is fetched. */
  readonly later?: boolean
}

/** Stands for a body that is missing. */
export const NOTHING = new Uint8Array()

/** The most that is looked at of a request, and of an answer: an estimate then takes some ten milliseconds. Unit: bytes. */
export const LOOKED_AT = 256 * 1024

/**
 * The part of a sample that is looked at, in buffers of its own: a thread is sent whole buffers, and a part of a message from Kong
 * would bring all of it along.
 */
export function boundedSample(sample: Sample): Sample {
  const { request, head, tail, seen, sent, encoding } = sample
  const whole = { ...sample, request: copy(request, 0, LOOKED_AT), sent: sent ?? request.length }
  if (tail !== undefined || head.length <= LOOKED_AT)
    return {
      ...whole,
      head: copy(head, 0, LOOKED_AT),
      ...(tail && { tail: copy(tail, tail.length - LOOKED_AT, tail.length) }),
    }
  // What is compressed can be read from its beginning only.
  if (encoding !== undefined) return { ...whole, head: copy(head, 0, LOOKED_AT), seen }
  const half = LOOKED_AT / 2
  return { ...whole, head: copy(head, 0, half), tail: copy(head, head.length - half, head.length), seen }
}

/** Unit: bytes. */
export function sizeOf({ request, head, tail }: Sample): number {
  return request.length + head.length + (tail?.length ?? 0)
}

function copy(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(Math.max(0, from), to))
}
