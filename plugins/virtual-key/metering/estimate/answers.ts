import { stringEnd, unescaped } from './strings.ts'

/** Members of answers, whole or in pieces, whose strings the model wrote. */
const WRITTEN =
  'content|text|arguments|partial_json|thinking|reasoning_content|reasoning|refusal|response|outputText|generation|generated_text|completion|transcript|delta|bytes'

/** Members of calls of tools whose objects the model wrote. */
const ARGUMENTS = 'input|args|arguments'

/** Members that stand for thoughts which are not shown, or only in part. In base64. */
const SEALED = 'signature|thoughtSignature|thought_signature'

/** Base64 of a sealed thought is no shorter. Unit: characters for each token. */
const PER_SEALED_TOKEN = 10

const MEMBERS = new RegExp(
  String.raw`"(?:(${WRITTEN})"\s*:\s*"|(${ARGUMENTS})"\s*:\s*\{|(${SEALED})"\s*:\s*")`,
  'g',
)

/**
 * The beginning of a call of a tool, in OpenAI's, Anthropic's, Gemini's and Bedrock's APIs; and what a call costs besides its
 * arguments: its name, its id and what stands around them, 10 to 40 in the APIs that report usage. Unit: tokens.
 */
const CALL =
  /"function"\s*:\s*\{[^{}]*"name"\s*:\s*"[^"]|"type"\s*:\s*"(?:server_|mcp_)?tool_use"|"type"\s*:\s*"function_call"|"functionCall"\s*:|"toolUseId"\s*:/g
const PER_CALL = 20

/** Members that only answers of a model have, so that its prompt was read though it wrote nothing. */
const ANSWERED =
  /"(choices|candidates|embeddings?|generations|finish_?reason|stop_?reason|done_reason|outputText|generated_text|completion)"\s*:/i

/** What an answer shows of a model. */
export interface Answer {
  /** What the model wrote, in any framing and as far as it goes. */
  readonly text: string
  /** Tokens besides those of the text: of calls of tools, and of thoughts that are not shown. */
  readonly extra: number
  /** It is a model's answer, though it may show no word of it. */
  readonly answered: boolean
}

/**
 * What the model wrote is found by the names of members alone, in one pass, so that a beginning and an end without what was between
 * them can be read. The Responses API repeats in its last events what it sent in pieces, which are then all that counts.
 */
export function answerOf(answer: string): Answer {
  const all: string[] = []
  const deltas: string[] = []
  let extra = (answer.match(CALL)?.length ?? 0) * PER_CALL
  const members = new RegExp(MEMBERS)
  for (let match = members.exec(answer); match !== null; match = members.exec(answer)) {
    const [, written, call] = match
    const from = members.lastIndex
    const end = call === undefined ? stringEnd(answer, from) : objectEnd(answer, from)
    const raw = answer.slice(from, end)
    members.lastIndex = end
    if (call !== undefined) {
      all.push(raw)
    } else if (written === undefined) {
      extra += Math.ceil(raw.length / PER_SEALED_TOKEN)
    } else if (written === 'bytes') {
      const wrapped = wrappedAnswer(Buffer.from(raw, 'base64').toString('utf8'))
      all.push(wrapped.text)
      extra += wrapped.extra
    } else {
      const text = unescaped(raw)
      all.push(text)
      if (written === 'delta') deltas.push(text)
    }
  }
  const text = (deltas.length > 0 ? deltas : all).join('')
  return { text, extra, answered: text !== '' || extra > 0 || ANSWERED.test(answer) }
}

/** Bedrock wraps the JSON of models, and the plain text of agents. */
function wrappedAnswer(text: string): { readonly text: string; readonly extra: number } {
  if (text.trimStart().startsWith('{')) return answerOf(text)
  return { text: text.includes('\uFFFD') ? '' : text, extra: 0 }
}

/** Position of the bracket that ends the object which was opened before `from`; the text's length where its end is missing. */
function objectEnd(text: string, from: number): number {
  const marks = /["{}]/g
  marks.lastIndex = from
  let open = 1
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === '"') marks.lastIndex = stringEnd(text, marks.lastIndex) + 1
    else open += mark[0] === '{' ? 1 : -1
    if (open === 0) return mark.index
  }
  return text.length
}
