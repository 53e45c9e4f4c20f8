/** Members of LLM requests whose strings the model reads, in any API. Settings, ids, URLs and encoded files are not among them. */
const READ = new Set([
  'content',
  'text',
  'prompt',
  'input',
  'inputText',
  'system',
  'instructions',
  'message',
  'query',
  'arguments',
  'description',
  'output',
  'suffix',
  'thinking',
])
/** Lists with an entry for each turn, and what a turn costs besides its text (OpenAI cookbook, How to count tokens). */
const TURNS = new Set(['messages', 'contents', 'input'])
const PER_TURN = 3

/** Members of answers, whole or in pieces, whose strings the model wrote. */
const WRITTEN =
  /"(content|text|arguments|partial_json|thinking|reasoning_content|reasoning|refusal|response|outputText|generation|delta|bytes)"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"?/gs

/** What a request gives the model to read. */
export interface Prompt {
  readonly text: string
  /** Tokens besides those of the text. */
  readonly extra: number
}

/** @returns undefined where the body is no JSON object, or none that prompts a model */
export function promptOf(request: Uint8Array): Prompt | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(request).toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
  const texts: string[] = []
  let turns = 0
  // A stack of its own: a request may be nested deeper than calls can be.
  const left: Array<readonly [name: string, value: unknown]> = Object.entries(parsed)
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [name, value] = next
    if (typeof value === 'string') {
      if (READ.has(name) && !value.startsWith('data:')) texts.push(value)
    } else if (Array.isArray(value)) {
      if (TURNS.has(name)) turns += value.length
      for (const item of value) left.push([name, item])
    } else if (typeof value === 'object' && value !== null) {
      for (const entry of Object.entries(value)) left.push(entry)
    }
  }
  return texts.length === 0
    ? undefined
    : { text: texts.join('\n'), extra: PER_TURN * turns + (turns > 0 ? PER_TURN : 0) }
}

/**
 * What an answer shows of the model's text, in any framing and as far as it goes: the strings are found by their names alone.
 * The Responses API repeats in its last events what it sent in pieces, which are then all that counts.
 */
export function answerText(answer: string): string {
  const found = [...answer.matchAll(WRITTEN)].map(
    ([, name = '', string = '']) => [name, unescaped(string)] as const,
  )
  const deltas = found.filter(([name]) => name === 'delta')
  return (deltas.length > 0 ? deltas : found)
    .map(([name, text]) =>
      name === 'bytes' ? answerText(Buffer.from(text, 'base64').toString('utf8')) : text,
    )
    .join('')
}

/** A JSON string's value; one that was cut off in an escape loses that. */
function unescaped(string: string): string {
  try {
    return JSON.parse(`"${string}"`) as string
  } catch {
    return string
  }
}
