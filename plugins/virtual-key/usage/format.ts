import type { Counts, Mutable } from './counts.ts'
import { tokens } from './counts.ts'
import type { Facts } from './json/facts.ts'

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

/** How one family of APIs reports usage: where in a JSON document, and what the numbers there mean. */
export interface Format extends Report {
  readonly name: string
  /** Whole reports state their total, so that one without it is a part: the request chose what its answer shows. */
  readonly statesTotal?: true
}

/** Which member of a usage object gives which count. A list gives synonyms; the first one reported wins. */
export type Names = { readonly [part in keyof Counts]?: string | readonly string[] }

/** The usage object at `place` (`` for the document itself). Paths are joined here, once, because `read` runs per event. */
export function reportAt(place: string, names: Names): Report {
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
