import { stringEnd, unescaped, type Visitor, visitStrings } from './strings.ts'

/** Members of LLM requests whose strings the model reads, in any API. Settings, ids, URLs and encoded files are not among them. */
const READ = new Set([
  'content',
  'text',
  'texts',
  'prompt',
  'input',
  'inputs',
  'inputtext',
  'system',
  'instructions',
  'message',
  'query',
  'documents',
  'arguments',
  'description',
  'output',
  'suffix',
  'thinking',
])
/** What lies below these is read as it stands: names, descriptions and schemas of tools and answers. */
const SCHEMAS = new Set([
  'tools',
  'functions',
  'response_format',
  'output_format',
  'tool_config',
  'toolconfig',
])
/** Lists with an entry for each turn, and what a turn costs besides its text (OpenAI cookbook, How to count tokens). */
const TURNS = new Set(['messages', 'contents', 'input'])
const PER_TURN = 3

/** Members whose string is a picture, a sound or a file, or says where it is; and what one costs about, in any API. Unit: tokens. */
const MEDIA = new Set(['url', 'image_url', 'data', 'bytes', 'file_data', 'fileuri', 'file_uri', 'images'])
const PER_MEDIUM = 1000
const ENCODED = /^data:(image|audio|video|application)\/[\w.+-]+;base64,[\w+/=-]*$/

/** Members of answers, whole or in pieces, whose strings the model wrote. */
const WRITTEN =
  /"(content|text|arguments|partial_json|thinking|reasoning_content|reasoning|refusal|response|outputText|generation|generated_text|completion|transcript|delta|bytes)"\s*:\s*"/g

/** Members that only answers of a model have, so that its prompt was read though it wrote nothing. */
const ANSWERED =
  /"(choices|candidates|embeddings?|generations|finish_?reason|stop_?reason|done_reason|outputText|generated_text|completion)"\s*:/i

/** What a request gives the model to read. */
export interface Prompt {
  readonly text: string
  /** Tokens besides those of the text. */
  readonly extra: number
  /** There are pictures, sounds or files among it, which are long and cost little. */
  readonly media: boolean
}

/** Members of a request whose string is always read as text, whatever it looks like. */
const PLAIN = new Set(['content', 'text', 'prompt', 'system', 'instructions'])

/** Parts of another kind than the fields and files of a form. */
const PARTS = /^\s*multipart\/(?!form-data)/i

/** @param type Content-Type @returns undefined where the text is an upload, or a document that prompts no model */
export function promptOf(request: string, type = ''): Prompt | undefined {
  const start = request.trimStart()
  if (!/^[{["]/.test(start)) return plainPrompt(start, PARTS.test(type))
  const found = new PromptFinder()
  visitStrings(start, found)
  return found.prompt
}

/** JSON that is neither text nor a container. */
const LITERAL = /^(null|true|false|-?\d[\d.eE+-]*)\s*$/

/**
 * A form with files in it holds no prompt that could be told from them; any other text is one.
 * @param parts the text has parts that are requests (multipart/mixed, as Google's APIs take several at once), no files
 */
function plainPrompt(text: string, parts: boolean): Prompt | undefined {
  const isForm = text.startsWith('--') && !parts
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell files from text
  const isText = text !== '' && !isForm && !LITERAL.test(text) && !/[\0-\x08\uFFFD]/.test(text)
  return isText ? { text, extra: 0, media: false } : undefined
}

class PromptFinder implements Visitor {
  readonly #texts: string[] = []
  /** Open containers since the outermost one that describes a schema; 0 = in none. */
  #schema = 0
  #turns = 0
  #extra = 0
  #media = false
  #prompts = false

  get prompt(): Prompt | undefined {
    if (!this.#prompts) return undefined
    const turns = this.#turns > 0 ? PER_TURN * (this.#turns + 1) : 0
    return { text: this.#texts.join('\n'), extra: this.#extra + turns, media: this.#media }
  }

  open(name: string): void {
    if (this.#schema > 0 || SCHEMAS.has(name)) this.#schema++
  }

  close(): void {
    if (this.#schema > 0) this.#schema--
  }

  member(name: string): void {
    if (this.#schema > 0) this.#texts.push(name)
  }

  element(name: string): void {
    if (TURNS.has(name)) this.#turns++
    else if (name === 'prompt') this.#extra++
    else return
    this.#prompts = true
  }

  string(name: string, value: string): void {
    if (this.#schema > 0) {
      this.#texts.push(value)
      return
    }
    if (MEDIA.has(name) || (!PLAIN.has(name) && ENCODED.test(value))) {
      this.#extra += PER_MEDIUM
      this.#media = true
    } else if (READ.has(name)) this.#texts.push(value)
    else return
    this.#prompts = true
  }
}

/** What an answer shows of a model. */
export interface Answer {
  /** What the model wrote, in any framing and as far as it goes. */
  readonly text: string
  /** It is a model's answer, though it may show no word of it. */
  readonly answered: boolean
}

/**
 * The strings are found by their names alone, in one pass, so that a beginning and an end without what was between them can be read.
 * The Responses API repeats in its last events what it sent in pieces, which are then all that counts.
 */
export function answerOf(answer: string): Answer {
  const all: string[] = []
  const deltas: string[] = []
  const names = new RegExp(WRITTEN)
  for (let match = names.exec(answer); match !== null; match = names.exec(answer)) {
    const end = stringEnd(answer, names.lastIndex)
    const raw = answer.slice(names.lastIndex, end)
    names.lastIndex = end
    const text =
      match[1] === 'bytes' ? wrappedText(Buffer.from(raw, 'base64').toString('utf8')) : unescaped(raw)
    all.push(text)
    if (match[1] === 'delta') deltas.push(text)
  }
  const text = (deltas.length > 0 ? deltas : all).join('')
  return { text, answered: text !== '' || ANSWERED.test(answer) }
}

/** Bedrock wraps the JSON of models, and the plain text of agents. */
function wrappedText(text: string): string {
  if (text.trimStart().startsWith('{')) return answerOf(text).text
  return text.includes('\uFFFD') ? '' : text
}
