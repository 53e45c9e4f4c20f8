import type { ApiFormat } from '../../usage/api-format.ts'
import { FORMATS } from '../../usage/formats.ts'
import { stringEnd, unescaped } from './strings.ts'

/** Lower bound for an encrypted thought in base64. Unit: characters for each token. */
const PER_SEALED_TOKEN = 10

/**
 * What a tool call costs besides its arguments: its name, its id and the text around them; 10 to 40 in the APIs that report usage.
 * Unit: tokens.
 */
const PER_CALL = 20

/** What can be seen in an answer of what the model produced. */
export interface Answer {
  /** What the model wrote, as far as it can be seen. */
  readonly text: string
  /** Tokens besides those of the text: of tool calls, and of thoughts that the answer does not show. */
  readonly extra: number
  /** The answer comes from a model, even if it contains none of the model's words. */
  readonly answered: boolean
}

/** How the words of a model are found in an answer. */
export interface AnswerRules {
  /** One group each for members with a string that the model wrote, an object that it wrote, and a string in place of a thought. */
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
 * Finds what the model wrote by the names of members alone, in one pass, so that it also works on the beginning or the end of an answer
 * whose middle is missing.
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

/** Position of the bracket that closes the object which was opened before `from`; the text's length if the end is missing. */
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

/** Tokens of thoughts, for a model whose answers never show them. @param texts the request's and the answer's, as far as they are known */
export function unseenThoughts(texts: readonly string[], { unseen } = RULES): number {
  const found = unseen.filter(({ model }) => texts.some((text) => model.test(text)))
  return Math.max(0, ...found.map(({ tokens }) => tokens))
}
