import type { Plan } from './changes.ts'

/** One plan after the other. */
export function joined(...plans: ReadonlyArray<Plan | false | undefined>): Plan {
  const all = plans.filter((one): one is Plan => one !== undefined && one !== false)
  return {
    changes: all.flatMap(({ changes }) => changes),
    kept: all.flatMap(({ kept }) => kept),
    notes: all.flatMap(({ notes }) => notes),
  }
}
