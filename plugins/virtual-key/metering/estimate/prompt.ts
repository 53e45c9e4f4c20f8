import type { ApiFormat, RequestTexts } from '../../usage/api-format.ts'
import { FORMATS } from '../../usage/formats.ts'
import { folded, type Visitor, visitStrings } from './strings.ts'

/** What a turn of a conversation costs besides its text (OpenAI cookbook, How to count tokens). Unit: tokens. */
const PER_TURN = 3

/** About what a picture, a sound or a file costs, in any API. Unit: tokens. */
const PER_MEDIUM = 1000
const ENCODED = /^data:(image|audio|video|application)\/[\w.+-]+;base64,[\w+/=-]*$/

/** Names of members of requests in any API, with case folded. No list of text contains settings, ids, URLs or encoded files. */
export type PromptRules = { readonly [kind in keyof RequestTexts]-?: ReadonlySet<string> }

export function promptRulesOf(formats: readonly ApiFormat[]): PromptRules {
  const named = (kind: keyof RequestTexts) =>
    new Set(formats.flatMap(({ request }) => request?.[kind] ?? []).map(folded))
  return {
    text: named('text'),
    input: named('input'),
    schemas: named('schemas'),
    turns: named('turns'),
    tokens: named('tokens'),
    media: named('media'),
  }
}

const RULES = promptRulesOf(FORMATS)

/** What a request gives the model to read. */
export interface Prompt {
  readonly text: string
  /** Tokens besides those of the text. */
  readonly extra: number
  /** The request contains pictures, sounds or files, which are long and cost little. */
  readonly media: boolean
}

/** A multipart body that is not a form of fields and files. */
const PARTS = /^\s*multipart\/(?!form-data)/i

/** @param type Content-Type @returns undefined if the text is an upload, or a document that does not prompt a model */
export function promptOf(request: string, type = '', rules = RULES): Prompt | undefined {
  const start = request.trimStart()
  if (!/^[{["]/.test(start)) return plainPrompt(start, PARTS.test(type))
  const found = new PromptFinder(rules)
  visitStrings(start, found)
  return found.prompt
}

/** A JSON number or literal. */
const LITERAL = /^(null|true|false|-?\d[\d.eE+-]*)\s*$/

/**
 * Any text is a prompt, except a form with files, in which a prompt cannot be distinguished from the files.
 * @param parts the parts of the text are requests and not files (multipart/mixed, by which Google's APIs take several requests at once)
 */
function plainPrompt(text: string, parts: boolean): Prompt | undefined {
  const isForm = text.startsWith('--') && !parts
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell files from text
  const isText = text !== '' && !isForm && !LITERAL.test(text) && !/[\0-\x08\uFFFD]/.test(text)
  return isText ? { text, extra: 0, media: false } : undefined
}

class PromptFinder implements Visitor {
  readonly #rules: PromptRules
  readonly #texts: string[] = []
  /** Number of open containers from the outermost one that describes a schema; 0 outside of schemas. */
  #schema = 0
  #turns = 0
  #extra = 0
  #media = false
  #prompts = false

  constructor(rules: PromptRules) {
    this.#rules = rules
  }

  get prompt(): Prompt | undefined {
    if (!this.#prompts) return undefined
    const turns = this.#turns > 0 ? PER_TURN * (this.#turns + 1) : 0
    return { text: this.#texts.join('\n'), extra: this.#extra + turns, media: this.#media }
  }

  open(name: string): void {
    if (this.#schema > 0 || this.#rules.schemas.has(name)) this.#schema++
  }

  close(): void {
    if (this.#schema > 0) this.#schema--
  }

  member(name: string): void {
    if (this.#schema > 0) this.#texts.push(name)
  }

  element(name: string): void {
    if (this.#rules.turns.has(name)) this.#turns++
    else if (this.#rules.tokens.has(name)) this.#extra++
    else return
    this.#prompts = true
  }

  string(name: string, value: string): void {
    if (this.#schema > 0) {
      this.#texts.push(value)
      return
    }
    const { text, input, media } = this.#rules
    if (media.has(name) || (!text.has(name) && ENCODED.test(value))) {
      this.#extra += PER_MEDIUM
      this.#media = true
    } else if (text.has(name) || input.has(name)) this.#texts.push(value)
    else return
    this.#prompts = true
  }
}

/**
 * Whether a request to this path can have spent tokens although nothing of its answer was seen. Some endpoints only count, classify or
 * store what they get. No endpoint of a model has a path with such an end, so no client can disguise a request.
 */
export function asksModel(path: string): boolean {
  const end = path.endsWith('/') ? path.slice(0, -1) : path
  return !FREE.some((free) => end.endsWith(free))
}

const FREE = FORMATS.flatMap(({ free }) => free ?? [])
