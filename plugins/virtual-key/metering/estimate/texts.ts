import { type Visitor, visitStrings } from './strings.ts'

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
