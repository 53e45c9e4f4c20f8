import type { Counts, Mutable } from './counts.ts'
import { tokens } from './counts.ts'
import type { Facts } from './json/facts.ts'

/**
 * All that is known about one family of APIs: how its answers report usage, which members of requests and answers are text, and which
 * members of requests limit the answer. Everything else (paths to read, markers of stream lines, the tap's lists, estimates,
 * reservations) is derived from the list in formats.ts, so a new API is one object here and its recordings in spec/fixtures/usage.
 */
export interface ApiFormat {
  /** <provider>, or <provider>-<api>. */
  readonly name: string
  /** Where its answers report usage, and what the numbers there mean. */
  readonly usage: Report
  /** Whole reports state their total. One without it is incomplete, because the request selected parts of the answer. */
  readonly statesTotal?: true
  /** Response headers, in lower case, that report the counts which its bodies do not. */
  readonly headers?: Readonly<Partial<Record<keyof Counts, string>>>
  /** Documents that are not counted, because they describe something stored, or a part of something reported elsewhere. */
  readonly stored?: Condition
  /** How to recognise answers that the API stores. */
  readonly kept?: KeptAnswer
  readonly answer?: AnswerTexts
  readonly request?: RequestTexts
  readonly bounds?: Bounds
  /** Ends of the paths of endpoints that only count, classify or store what they get: a client that hangs up there has spent nothing. */
  readonly free?: readonly string[]
}

/** Reads counts from the scalars of one document (a JSON body, or an event of a stream). */
export interface Report {
  /**
   * Paths of the scalars that `read` needs; nothing else of a body is read. Names are joined by `.`; `[]` stands for the elements of an
   * array, whose numbers are added up.
   */
  readonly paths: readonly string[]
  /** Those of the paths that are counts. */
  readonly counts: readonly string[]
  /** @returns undefined if the document is not of this kind or reports nothing */
  readonly read: (facts: Facts) => Counts | undefined
}

/** A condition on the facts of a document. `paths`: those that `holds` needs. */
export interface Condition {
  readonly paths: readonly string[]
  readonly holds: (facts: Facts) => boolean
}

/** An answer that its API stores: a later request can fetch it again, with the same usage or with usage that was missing at first. */
export interface Answer {
  readonly id: string
  /** Made in the background: the answer to the request reports no usage, and the same answer, fetched later, does. */
  readonly background: boolean
}

/** How to recognise an answer that its API stores. */
export interface KeptAnswer {
  /** The member with the whole answer in events of a stream; it may be longer than the part of a stream's end that the tap keeps. */
  readonly event: string
  /** Names of the members that `read` needs. */
  readonly names: readonly string[]
  readonly read: (member: (name: string) => ReturnType<Facts['get']>) => Answer | undefined
}

/** What the model wrote in an answer; usage is estimated from it if none is reported. Members are found by name, anywhere. */
export interface AnswerTexts {
  /** Members whose strings the model wrote, whole or in pieces. */
  readonly text: readonly string[]
  /** The pieces in streams whose last events repeat the whole text: if there are any, only they count. */
  readonly pieces?: readonly string[]
  /** Members whose strings are such an answer in base64. */
  readonly wrapped?: readonly string[]
  /** Members whose objects the model wrote: the arguments of tool calls. */
  readonly objects?: readonly string[]
  /** Members with an encrypted thought in base64, of which the text is missing or incomplete. */
  readonly sealed?: readonly string[]
  /** How a tool call begins. */
  readonly call?: RegExp
  /** Members that only a model's answers have: they prove that the model read the prompt, even if it wrote nothing. */
  readonly marks?: readonly string[]
  /** Models that never show their thoughts, by their names in requests and answers, and the tokens that are assumed for a thought. */
  readonly unseen?: { readonly model: RegExp; readonly tokens: number }
}

/** What a request gives a model to read. Members are found by name, anywhere, in any case. */
export interface RequestTexts {
  /** Members whose strings are text, whatever they look like. */
  readonly text?: readonly string[]
  /** Members whose strings are text, or a file as a data URL. */
  readonly input?: readonly string[]
  /** Members whose whole content the model reads: names, descriptions and schemas of tools and answers. */
  readonly schemas?: readonly string[]
  /** Lists with an entry for each turn. */
  readonly turns?: readonly string[]
  /** Lists with an entry for each token. */
  readonly tokens?: readonly string[]
  /** Members whose string is a picture, a sound or a file, or says where it is. */
  readonly media?: readonly string[]
}

/** Members by which a request limits the cost of its answer; `object.member` for a member of an object in the request. */
export interface Bounds {
  /** The end of the paths, in lower case, at which the API obeys these bounds and no others. */
  readonly path?: RegExp
  /** The most tokens of an answer. */
  readonly most: readonly string[]
  /** The number of answers to one request; each may cost as much. */
  readonly answers?: readonly string[]
}

/** Which member of a usage object gives which count. A list gives synonyms; the first one reported wins. */
export type CountNames = { readonly [part in keyof Counts]?: string | readonly string[] }

/** The usage object at `place` (`` for the document itself). Paths are joined here, once, because `read` runs per event. */
export function reportAt(place: string, names: CountNames): Report {
  const parts = Object.entries(names).flatMap(([part, synonyms]) =>
    [synonyms].flat().map((name) => ({
      part: part as keyof Counts,
      path: place === '' ? name : `${place}.${name}`,
    })),
  )
  const paths = parts.map(({ path }) => path)
  return {
    paths,
    counts: paths,
    read: (facts) => {
      let counts: Mutable | undefined
      for (const { part, path } of parts) {
        const count = tokens(facts.get(path))
        if (count === undefined || counts?.[part] !== undefined) continue
        counts ??= {}
        counts[part] = count
      }
      return counts
    },
  }
}

/** Several reports; the first one that reports anything counts. */
export function firstOf(...reports: readonly Report[]): Report {
  return {
    paths: reports.flatMap(({ paths }) => paths),
    counts: reports.flatMap(({ counts }) => counts),
    read: (facts) => {
      for (const report of reports) {
        const counts = report.read(facts)
        if (counts) return counts
      }
      return undefined
    },
  }
}

/** A report that only counts in documents for which `holds` is true; `paths` are those that `holds` needs. */
export function reportIf(paths: readonly string[], holds: (facts: Facts) => boolean, report: Report): Report {
  return {
    paths: [...paths, ...report.paths],
    counts: report.counts,
    read: (facts) => {
      return holds(facts) ? report.read(facts) : undefined
    },
  }
}

/** Whether the string at `path` starts with a text. True if it is absent, because the tap may have dropped it. */
export function startsAs(facts: Facts, path: string, start: string): boolean {
  const value = facts.get(path)
  return value === undefined || (typeof value === 'string' && value.startsWith(start))
}
