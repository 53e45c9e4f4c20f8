import { type Member, membersAt, Names } from '../request/members.ts'
import type { RequestObject } from '../request/request-object.ts'
import { pathOf } from '../request/target.ts'
import { OPEN_OBJECT } from '../usage/json/bytes.ts'

/** Members that bound what an answer may cost, by API: the members of the request, then those of objects in it. */
const BOUNDS = [
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_tokens_to_sample',
  'max_gen_len',
  'max_new_tokens',
]
const NESTED: Readonly<Record<string, readonly string[]>> = {
  generation_config: ['max_output_tokens'],
  inference_config: ['max_tokens', 'max_new_tokens'],
  text_generation_config: ['max_token_count'],
  options: ['num_predict'],
  parameters: ['max_new_tokens', 'max_output_tokens'],
}
/** The bounds that an API obeys, by its path's end; others are decoys there. Where no API is known, each may be obeyed. */
const OBEYED: ReadonlyArray<readonly [path: RegExp, bounds: readonly string[]]> = [
  [/\/completions\/*$/, ['max_tokens', 'max_completion_tokens']],
  [/\/responses\/*$/, ['max_output_tokens']],
  [/\/messages\/*$/, ['max_tokens']],
  [/:(stream)?generatecontent\/*$/, ['generation_config']],
  [/\/converse(-stream)?\/*$/, ['inference_config']],
  [/\/api\/(chat|generate)\/*$/, ['options']],
]
/** How many answers are asked for at once; each may cost as much as the bound. */
const ANSWERS = ['n', 'best_of']
const NESTED_ANSWERS = ['candidate_count', 'num_return_sequences', 'best_of']
/** No client names a member so often; to read a bound that is there 200,000 times would keep everybody waiting. */
const MOST_SAME = 4
/** Longer text is no number that anybody means, but a server that reads it may find any. Unit: bytes. */
const LONGEST_NUMBER = 1024

const ALL_BOUNDS = [...BOUNDS, ...Object.keys(NESTED)]
const TOP = new Names([...ALL_BOUNDS, ...ANSWERS])
const INSIDE = new Map(
  Object.entries(NESTED).map(([name, bounds]) => [name, new Names([...bounds, ...NESTED_ANSWERS])]),
)

/**
 * The most tokens that a request lets its answer have, all of its answers together; `byDefault` where it sets no bound, or one that is
 * no number. Of several bounds, and of several readings of one, it is the largest, because which one the upstream obeys is not known here;
 * where a member is named very often, it is more than any budget. The prompt is not part of it.
 * @param target path and query as they stand in the request line
 * Source: API references of OpenAI (chat, completions, responses), Anthropic, Gemini, Bedrock (Converse, Titan, Llama), Ollama, TGI.
 */
export function declaredMost({ bytes, open }: RequestObject, target: string, byDefault: number): number {
  const path = pathOf(target)
  const obeyed = OBEYED.find(([api]) => api.test(path))?.[1] ?? ALL_BOUNDS
  const top = membersAt(bytes, open, TOP)?.found ?? new Map<string, readonly Member[]>()
  let bound: number | undefined
  let answers = 1
  const read = (found: ReadonlyMap<string, readonly Member[]>): void => {
    for (const [name, members] of found) {
      if (members.length > MOST_SAME) bound = Number.MAX_SAFE_INTEGER
      else if (ANSWERS.includes(name) || NESTED_ANSWERS.includes(name)) {
        for (const reading of readings(bytes, members)) answers = Math.max(answers, reading ?? 1)
      } else if (!(name in NESTED) && (found !== top || obeyed.includes(name))) {
        for (const reading of readings(bytes, members)) bound = Math.max(bound ?? 0, reading ?? byDefault)
      }
    }
  }
  read(top)
  for (const [name, names] of INSIDE) {
    if (!obeyed.includes(name)) continue
    for (const { from } of (top.get(name) ?? []).slice(0, MOST_SAME)) {
      const inside = membersAt(bytes, from, names)
      if (inside) read(inside.found)
      // It has more members than are looked at.
      else if (bytes[from] === OPEN_OBJECT) bound = Number.MAX_SAFE_INTEGER
    }
  }
  return capped(capped(bound ?? byDefault) * capped(answers))
}

/** No more than what is counted exactly. JSON may say 1e999, and 0 times that is no number. */
function capped(tokens: number): number {
  return Math.min(tokens, Number.MAX_SAFE_INTEGER)
}

/**
 * The numbers of at least 0 that some members are, whole ones however they are written; a lenient server reads "100" too. undefined: it is
 * another number, such as Ollama's -1 for no bound, or none. A single null is as good as a member that is not there.
 */
function readings(bytes: Buffer, members: readonly Member[]): (number | undefined)[] {
  const texts = members.map(({ from, to }) =>
    bytes.toString('latin1', from, Math.min(to, from + LONGEST_NUMBER + 1)),
  )
  return texts.length === 1 && texts[0] === 'null' ? [] : texts.map(numberOf)
}

function numberOf(text: string): number | undefined {
  if (text.length > LONGEST_NUMBER) return /^"?[\d.+\s_-]/.test(text) ? Number.MAX_SAFE_INTEGER : undefined
  const [, digits = ''] = /^"?\s*\+?(\d[\d.eE+_-]*)\s*"?$/.exec(text) ?? []
  const value = digits === '' ? Number.NaN : Math.ceil(Number(digits.replaceAll('_', '')))
  return value >= 0 ? value : undefined
}
