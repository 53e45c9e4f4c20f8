import type { ApiFormat, KeptAnswer } from './api-format.ts'
import { anthropic, anthropicIterations } from './formats/anthropic.ts'
import { converse, invocationMetrics, llama, titan } from './formats/bedrock.ts'
import { cohere } from './formats/cohere.ts'
import { gemini, interactions, vertexPredict } from './formats/google.ts'
import { tgi } from './formats/huggingface.ts'
import { ollama } from './formats/ollama.ts'
import { openai, responses } from './formats/openai.ts'
import { alephAlpha, lmStudio, oci, sglang } from './formats/others.ts'
import { watsonx } from './formats/watsonx.ts'
import { type Paths, pathsOf } from './json/paths.ts'

/**
 * All formats, in order of precedence: where a response speaks several, the first one counts. A sum over all that was sampled
 * comes before what leaves a part of it out; Bedrock's own metrics come before the model's, which they repeat; the Interactions API
 * before OpenAI's, whose name for the total it shares.
 */
export const FORMATS: readonly ApiFormat[] = [
  anthropicIterations,
  invocationMetrics,
  interactions,
  openai,
  responses,
  anthropic,
  gemini,
  converse,
  cohere,
  ollama,
  llama,
  titan,
  watsonx,
  vertexPredict,
  tgi,
  alephAlpha,
  lmStudio,
  oci,
  sglang,
]

/** Nearly every count has one of these in its name: prompt_tokens, promptTokenCount, outputTokens, eval_count. */
const COMMON = ['_token', 'Token', '_count']

/** What a list of formats has a reader look at in a body. */
export interface FormatTable {
  readonly formats: readonly ApiFormat[]
  /** Every place in a document that any of them looks at. */
  readonly paths: Paths
  /** By the paths' numbers: the formats that look there for usage, as bits in the order of the list. Most documents concern one. */
  readonly lookers: readonly number[]
  /** Texts without which nothing, such as a stream's line, reports any count. */
  readonly markers: readonly Buffer[]
  /** Names of all members that stand for counts. */
  readonly names: readonly string[]
  /** Names, in lower case, of the response headers that report counts. */
  readonly headers: readonly string[]
}

/** Derives the table of a list of at most 31 formats. */
export function tableOf(formats: readonly ApiFormat[]): FormatTable {
  const names = [...new Set(formats.flatMap(({ usage }) => usage.counts).map(nameOf))]
  const kept = formats.flatMap((format) => format.kept ?? [])
  const read = formats.flatMap(({ stored, usage }) => [...(stored?.paths ?? []), ...usage.paths])
  const paths = pathsOf(
    [...read, ...kept.flatMap(keptPaths)],
    kept.map(({ event }) => event),
  )
  return {
    formats,
    paths,
    lookers: [...paths.slots.keys()].map((path) =>
      formats.reduce((bits, { usage }, index) => bits | (usage.paths.includes(path) ? 1 << index : 0), 0),
    ),
    markers: markersOf(names).map((marker) => Buffer.from(marker)),
    names,
    headers: formats.flatMap(({ headers }) => Object.values(headers ?? {})),
  }
}

/** A count whose name has none of the common texts is a marker itself. */
function markersOf(names: readonly string[]): readonly string[] {
  return [...COMMON, ...names.filter((name) => !COMMON.some((marker) => name.includes(marker)))]
}

/** The name of the member at the end of a path. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

function keptPaths({ event, names }: KeptAnswer): string[] {
  return ['', `${event}.`].flatMap((place) => names.map((name) => `${place}${name}`))
}

export const TABLE: FormatTable = tableOf(FORMATS)
