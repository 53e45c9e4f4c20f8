import { membersAt, type Place } from '../ask/members.ts'
import { leading } from '../usage/framing/sniff.ts'

/** Members that bound what an answer may cost, by API: the members of the request, then those of objects in it. */
const BOUNDS = [
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_tokens_to_sample',
  'max_gen_len',
]
const NESTED: Readonly<Record<string, readonly string[]>> = {
  generationConfig: ['maxOutputTokens', 'candidateCount'],
  generation_config: ['max_output_tokens', 'candidate_count'],
  inferenceConfig: ['maxTokens'],
  textGenerationConfig: ['maxTokenCount'],
  options: ['num_predict'],
  parameters: ['max_new_tokens', 'maxOutputTokens'],
}
/** How many answers are asked for at once; each may cost as much as the bound. */
const ANSWERS = ['n', 'best_of']
const NESTED_ANSWERS = ['candidateCount', 'candidate_count']
/** Longer text is no number that anybody means: it may be a message of megabytes. Unit: bytes. */
const LONGEST_NUMBER = 1024

/**
 * The most tokens that a request lets its answer have, all of its answers together; undefined: it sets no bound. Of several bounds
 * the largest, because which one the upstream obeys is not known here. The prompt is not part of it.
 * Source: API references of OpenAI (chat, completions, responses), Anthropic, Gemini, Bedrock (Converse, Titan, Llama), Ollama, TGI.
 */
export function declaredMost(request: Uint8Array): number | undefined {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength)
  const top = membersAt(bytes, leading(bytes), [...BOUNDS, ...ANSWERS, ...Object.keys(NESTED)])
  if (top === undefined) return undefined
  const bounds = numbers(bytes, top.places, BOUNDS)
  const answers = numbers(bytes, top.places, ANSWERS)
  for (const [name, members] of Object.entries(NESTED)) {
    const place = top.places.get(name)
    const inside = place && membersAt(bytes, place.from, members)
    if (inside === undefined) continue
    bounds.push(
      ...numbers(
        bytes,
        inside.places,
        members.filter((one) => !NESTED_ANSWERS.includes(one)),
      ),
    )
    answers.push(...numbers(bytes, inside.places, NESTED_ANSWERS))
  }
  if (bounds.length === 0) return undefined
  return capped(capped(Math.max(...bounds)) * capped(Math.max(1, ...answers)))
}

/** No more than what is counted exactly. JSON may say 1e999, and 0 times that is no number. */
function capped(tokens: number): number {
  return Math.min(tokens, Number.MAX_SAFE_INTEGER)
}

/** The members that are numbers of at least 0, whole ones however they are written; a lenient server reads "100" too. */
function numbers(bytes: Buffer, places: ReadonlyMap<string, Place>, names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const place = places.get(name)
    if (place === undefined || place.to - place.from > LONGEST_NUMBER) return []
    const [, digits] = /^"?(\d[\d.eE+-]*)"?$/.exec(bytes.toString('latin1', place.from, place.to)) ?? []
    const value = Math.ceil(Number(digits))
    return value >= 0 ? [value] : []
  })
}
