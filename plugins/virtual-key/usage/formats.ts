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
 * All formats, in order of precedence: if a response has several, the first one counts. A sum over all iterations comes before a report
 * that leaves some out; Bedrock's own metrics come before those of the model, which they repeat; the Interactions API comes before OpenAI's,
 * because both have the same name for the total.
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

/** What a reader of a body needs to know about a list of formats. */
export interface FormatTable {
  readonly formats: readonly ApiFormat[]
  /** Every place in a document that any of the formats reads. */
  readonly paths: Paths
  /** By the paths' numbers: the formats that read usage there, as bits in the order of the list. Most documents concern one format. */
  readonly lookers: readonly number[]
  /** Every report of a count, such as a line of a stream, contains one of these texts. */
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

/** A count whose name contains none of the common texts is a marker itself. */
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
