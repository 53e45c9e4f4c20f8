import { codings, decode } from '../usage/encoding.ts'
import { answerText, promptOf } from './texts.ts'
import { tokensOf } from './tokens.ts'

/** What is there of one exchange to estimate its usage by. */
export interface Sample {
  readonly request: Uint8Array
  /** Content-Encoding of the answer. */
  readonly encoding?: string
  /** The answer's body or its beginning, and its end where the middle is missing. */
  readonly head: Uint8Array
  readonly tail?: Uint8Array
  /** Bytes that the answer had. */
  readonly seen: number
}

/** Unit: tokens. */
export interface Estimate {
  /** undefined: the request prompts no model, as far as can be told. */
  readonly prompt?: number
  readonly completion: number
}

export function estimate({ request, encoding, head, tail, seen }: Sample): Estimate {
  const prompt = promptOf(request)
  const texts = [head, ...(tail === undefined ? [] : [tail])].map((part) =>
    answerText(Buffer.from(decoded(part, encoding)).toString('utf8')),
  )
  const kept = head.length + (tail?.length ?? 0)
  const completion = tokensOf(texts.join(''))
  return {
    ...(prompt === undefined ? {} : { prompt: tokensOf(prompt.text) + prompt.extra }),
    completion: Math.round(tail === undefined ? completion : completion * (seen / kept)),
  }
}

function decoded(bytes: Uint8Array, encoding: string | undefined): Uint8Array {
  return codings(encoding).reduce<Uint8Array>((body, coding) => decode(body, coding) ?? body, bytes)
}
