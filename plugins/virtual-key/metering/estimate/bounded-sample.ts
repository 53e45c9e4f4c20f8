/** The parts of a request and its answer that an estimate of their usage can use. */
export interface Sample {
  /** The request's body or its beginning. */
  readonly request: Uint8Array
  /** Length of the request's body, if known; more than `request` has if that is only the beginning. Unit: bytes. */
  readonly sent?: number | undefined
  /** Content-Type and Content-Encoding of the request. */
  readonly requestType?: string | undefined
  readonly requestEncoding?: string | undefined
  /** Content-Type and Content-Encoding of the answer. */
  readonly type?: string | undefined
  readonly encoding?: string | undefined
  /** The answer's body or its beginning, and its end where the middle is missing. */
  readonly head: Uint8Array
  readonly tail?: Uint8Array | undefined
  /** Length of the answer. Unit: bytes. */
  readonly seen: number
  /** The answer is made in the background: thoughts are counted when it is fetched. */
  readonly later?: boolean
}

/** A body that is missing. */
export const NOTHING = new Uint8Array()

/** The most that is read of a request, and of an answer: an estimate then takes some ten milliseconds. Unit: bytes. */
export const LOOKED_AT = 256 * 1024

/**
 * The part of a sample that is read, copied into buffers of its own: a thread always gets whole buffers, so a slice of a message from
 * Kong would take the whole message along.
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
  // Compressed data can be read only from its beginning.
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
