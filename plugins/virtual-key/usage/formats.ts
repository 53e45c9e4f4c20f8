import type { Format } from './format.ts'
import { alephAlpha } from './formats/aleph-alpha.ts'
import { ANSWER_PATHS } from './formats/answer.ts'
import { anthropic } from './formats/anthropic.ts'
import { anthropicIterations } from './formats/anthropic-iterations.ts'
import { cohere } from './formats/cohere.ts'
import { converse } from './formats/converse.ts'
import { gemini } from './formats/gemini.ts'
import { interactions } from './formats/interactions.ts'
import { invocationMetrics } from './formats/invocation-metrics.ts'
import { llama } from './formats/llama.ts'
import { lmStudio } from './formats/lm-studio.ts'
import { oci } from './formats/oci.ts'
import { ollama } from './formats/ollama.ts'
import { openai } from './formats/openai.ts'
import { responses } from './formats/responses.ts'
import { sglang } from './formats/sglang.ts'
import { STORED_PATHS } from './formats/stored.ts'
import { tgi } from './formats/tgi.ts'
import { titan } from './formats/titan.ts'
import { vertexPredict } from './formats/vertex-predict.ts'
import { watsonx } from './formats/watsonx.ts'
import { pathsOf } from './json/paths.ts'
import { markersOf, nameOf } from './markers.ts'

/**
 * All formats, in order of precedence: where a response speaks several, the first one counts. A sum over all that was sampled
 * comes before what leaves a part of it out; Bedrock's own metrics come before the model's, which they repeat; the Interactions API before OpenAI's, whose name for the total it shares.
 */
export const FORMATS: readonly Format[] = [
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

const COUNTS = FORMATS.flatMap((format) => format.counts)

/** Texts without which nothing that arrives in pieces, such as a stream's line, reports any count. */
export const USAGE_MARKERS = markersOf(COUNTS)

/** Names of all members that stand for counts. */
export const USAGE_NAMES: readonly string[] = [...new Set(COUNTS.map(nameOf))]

/** Every place in a document that anything looks at. `response`: OpenAI's last event repeats the whole response. */
export const PATHS = pathsOf(
  [...STORED_PATHS, ...ANSWER_PATHS, ...FORMATS.flatMap((format) => format.paths)],
  'response',
)
