import type { Counts, Mutable } from './counts.ts'
import { tokens } from './counts.ts'
import type { Facts } from './json/facts.ts'

/**
 * All that is known of one API family: how its answers report usage, what of its requests and answers is text, and what its requests
 * ask for at most. Everything else (paths to look at, markers of stream lines, the tap's lists, estimates, reservations) is derived
 * from the list in formats.ts, so that a new API is one object here and its recordings in spec/fixtures/usage.
 */
export interface ApiFormat {
  /** <provider>, or <provider>-<api>. */
  readonly name: string
  /** Where its answers report usage, and what the numbers there mean. */
  readonly usage: Report
  /** Whole reports state their total, so that one without it is a part: the request chose what its answer shows. */
  readonly statesTotal?: true
  /** Response headers, in lower case, that report the counts which its bodies do not. */
  readonly headers?: Readonly<Partial<Record<keyof Counts, string>>>
  /** Documents that describe something stored, or a part of something reported elsewhere: they count nothing. */
  readonly stored?: Condition
  /** Answers that the API keeps. */
  readonly kept?: KeptAnswer
  readonly answer?: AnswerTexts
  readonly request?: RequestTexts
  readonly bounds?: Bounds
  /** Ends of the paths of endpoints that only count, judge or store what they are sent, so that a client that hangs up on one has spent nothing. */
  readonly free?: readonly string[]
}

/** Something that reads counts out of the scalars of one document (a JSON body, a stream's event). */
export interface Report {
  /**
   * Paths of the scalars that `read` looks at; nothing else of a body is ever looked at. Names are joined by `.`;
   * `[]` stands for the elements of an array, whose numbers are added up.
   */
  readonly paths: readonly string[]
  /** Those of them that stand for counts. */
  readonly counts: readonly string[]
  /** Undefined when the document is not of this kind or reports nothing. */
  readonly read: (facts: Facts) => Counts | undefined
}

/** `paths`: those that `holds` looks at. */
export interface Condition {
  readonly paths: readonly string[]
  readonly holds: (facts: Facts) => boolean
}

/** An answer that its API keeps, so that it can be fetched again with the usage that it once reported, or did not yet. */
export interface Answer {
  readonly id: string
  /** Made while nobody waits: the request's own answer reports nothing, and one that is fetched later does. */
  readonly background: boolean
}

/** How an answer that is kept tells so. */
export interface KeptAnswer {
  /** The member in which events of a stream repeat the whole answer, which may be longer than what is kept of a stream's end. */
  readonly event: string
  /** Names of the members that `read` looks at. */
  readonly names: readonly string[]
  readonly read: (member: (name: string) => ReturnType<Facts['get']>) => Answer | undefined
}

/** What an answer shows of a model: where it reports no usage, that is estimated by it. Members are found by name, anywhere. */
export interface AnswerTexts {
  /** Members whose strings the model wrote, whole or in pieces. */
  readonly text: readonly string[]
  /** The same of streams whose last events repeat what was sent in pieces: where there are any, only they count. */
  readonly pieces?: readonly string[]
  /** Members whose strings are such an answer in base64. */
  readonly wrapped?: readonly string[]
  /** Members whose objects the model wrote: the arguments of calls of tools. */
  readonly objects?: readonly string[]
  /** Members that stand for thoughts which are not shown, or only in part. In base64. */
  readonly sealed?: readonly string[]
  /** How a call of a tool begins. */
  readonly call?: RegExp
  /** Members that only answers of a model have, so that its prompt was read though it wrote nothing. */
  readonly marks?: readonly string[]
  /** Models that think without showing it, as requests and answers name them, and what such a thought is taken for, in tokens. */
  readonly unseen?: { readonly model: RegExp; readonly tokens: number }
}

/** What a request gives a model to read. Members are found by name, anywhere; lower and upper case are the same. */
export interface RequestTexts {
  /** Members whose strings are text, whatever they look like. */
  readonly text?: readonly string[]
  /** Members whose strings are text, or a file as a data URL. */
  readonly input?: readonly string[]
  /** What lies below these is read as it stands: names, descriptions and schemas of tools and answers. */
  readonly schemas?: readonly string[]
  /** Lists with an entry for each turn. */
  readonly turns?: readonly string[]
  /** Lists with an entry for each token. */
  readonly tokens?: readonly string[]
  /** Members whose string is a picture, a sound or a file, or says where it is. */
  readonly media?: readonly string[]
}

/** Members by which a request bounds what its answer may cost; `object.member` for a member of an object in it. */
export interface Bounds {
  /** The end of the paths at which just these bounds are obeyed; others are decoys there. Of a path in lower case. */
  readonly path?: RegExp
  /** The most tokens of an answer. */
  readonly most: readonly string[]
  /** How many answers are asked for at once; each may cost as much. */
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

/** Several reports of which the first one that reports anything counts. */
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

/** A report that only counts in documents that hold; `paths` are those that `holds` looks at. */
export function reportIf(paths: readonly string[], holds: (facts: Facts) => boolean, report: Report): Report {
  return {
    paths: [...paths, ...report.paths],
    counts: report.counts,
    read: (facts) => {
      return holds(facts) ? report.read(facts) : undefined
    },
  }
}

/** Whether the string at `path` starts so. Absent counts as yes: the middle of a body may have been cut out. */
export function startsAs(facts: Facts, path: string, start: string): boolean {
  const value = facts.get(path)
  return value === undefined || (typeof value === 'string' && value.startsWith(start))
}
