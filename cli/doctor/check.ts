import type { Judged } from './finding.ts'
import type { Seat } from './seat.ts'

/** One thing that `vk doctor` looks at. */
export interface Check {
  readonly name: string
  /** @throws Away where what it looks through is not there, else whatever the look itself throws */
  run(seat: Seat): Promise<readonly Judged[]>
}

/**
 * A check of two halves, so that what is made of the facts can be tried out without any server.
 * @param probe looks, and decides nothing
 * @param judge decides, and looks at nothing
 */
export function check<F>(
  name: string,
  probe: (seat: Seat) => Promise<F>,
  judge: (facts: F) => readonly Judged[],
): Check {
  return { name, run: async (seat) => judge(await probe(seat)) }
}
