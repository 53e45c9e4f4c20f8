import type { ApiFormat } from '../../usage/api-format.ts'
import { FORMATS } from '../../usage/formats.ts'
import { stringEnd, unescaped } from './strings.ts'

/** Base64 of a sealed thought is no shorter. Unit: characters for each token. */
const PER_SEALED_TOKEN = 10

/** What a call of a tool costs besides its arguments: its name, its id and what stands around them; 10 to 40 in the APIs that report usage. Unit: tokens. */
const PER_CALL = 20

/** What an answer shows of a model. */
export interface Answer {
  /** What the model wrote, in any framing and as far as it goes. */
  readonly text: string
  /** Tokens besides those of the text: of calls of tools, and of thoughts that are not shown. */
  readonly extra: number
  /** It is a model's answer, though it may show no word of it. */
  readonly answered: boolean
}

/** How the words of models are found in answers. */
export interface AnswerRules {
  /** A member whose string the model wrote, or whose object, or whose string stands for a thought: a group for each of the three. */
  readonly members: RegExp
  readonly pieces: ReadonlySet<string>
  readonly wrapped: ReadonlySet<string>
  readonly call: RegExp
  readonly marks: RegExp
  readonly unseen: ReadonlyArray<{ readonly model: RegExp; readonly tokens: number }>
}

export function answerRulesOf(formats: readonly ApiFormat[]): AnswerRules {
  const answers = formats.flatMap(({ answer }) => answer ?? [])
  const pieces = answers.flatMap((answer) => answer.pieces ?? [])
  const wrapped = answers.flatMap((answer) => answer.wrapped ?? [])
  const written = oneOf([...answers.flatMap(({ text }) => text), ...pieces, ...wrapped])
  const objects = oneOf(answers.flatMap((answer) => answer.objects ?? []))
  const sealed = oneOf(answers.flatMap((answer) => answer.sealed ?? []))
  const calls = answers.flatMap(({ call }) => call?.source ?? [])
  const marks = oneOf(answers.flatMap((answer) => answer.marks ?? []))
  return {
    members: new RegExp(
      String.raw`"(?:(${written})"\s*:\s*"|(${objects})"\s*:\s*\{|(${sealed})"\s*:\s*")`,
      'g',
    ),
    pieces: new Set(pieces),
    wrapped: new Set(wrapped),
    call: new RegExp(calls.join('|') || NEVER, 'g'),
    marks: new RegExp(String.raw`"(?:${marks})"\s*:`, 'i'),
    unseen: answers
      .flatMap(({ unseen }) => unseen ?? [])
      .map(({ model, tokens }) => ({
        model: new RegExp(String.raw`"model"\s*:\s*"(?:${model.source})"`),
        tokens,
      })),
  }
}

/** A pattern that nothing matches. */
const NEVER = '(?!)'

function oneOf(names: readonly string[]): string {
  return [...new Set(names)].map((name) => name.replaceAll(/\W/g, String.raw`\$&`)).join('|') || NEVER
}

const RULES = answerRulesOf(FORMATS)

/**
 * What the model wrote is found by the names of members alone, in one pass, so that a beginning and an end without what was between
 * them can be read.
 */
export function answerOf(answer: string, rules = RULES): Answer {
  const all: string[] = []
  const pieces: string[] = []
  let extra = (answer.match(rules.call)?.length ?? 0) * PER_CALL
  const members = new RegExp(rules.members)
  for (let match = members.exec(answer); match !== null; match = members.exec(answer)) {
    const [, written, object] = match
    const from = members.lastIndex
    const end = object === undefined ? stringEnd(answer, from) : objectEnd(answer, from)
    const raw = answer.slice(from, end)
    members.lastIndex = end
    if (object !== undefined) {
      all.push(raw)
    } else if (written === undefined) {
      extra += Math.ceil(raw.length / PER_SEALED_TOKEN)
    } else if (rules.wrapped.has(written)) {
      const wrapped = wrappedAnswer(Buffer.from(raw, 'base64').toString('utf8'), rules)
      all.push(wrapped.text)
      extra += wrapped.extra
    } else {
      const text = unescaped(raw)
      all.push(text)
      if (rules.pieces.has(written)) pieces.push(text)
    }
  }
  const text = (pieces.length > 0 ? pieces : all).join('')
  return { text, extra, answered: text !== '' || extra > 0 || rules.marks.test(answer) }
}

/** Bedrock wraps the JSON of models, and the plain text of agents. */
function wrappedAnswer(text: string, rules: AnswerRules): { readonly text: string; readonly extra: number } {
  if (text.trimStart().startsWith('{')) return answerOf(text, rules)
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

/** Tokens of thoughts that no answer of this model shows. @param texts of the request and of the answer, as far as they are known */
export function unseenThoughts(texts: readonly string[], { unseen } = RULES): number {
  const found = unseen.filter(({ model }) => texts.some((text) => model.test(text)))
  return Math.max(0, ...found.map(({ tokens }) => tokens))
}
