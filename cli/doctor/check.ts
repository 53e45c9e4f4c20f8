import { setTimeout as sleep } from 'node:timers/promises'
import { type DoctorContext, Unavailable } from './context.ts'
import { type Finding, fail, type Judged, skipped } from './finding.ts'

/** One thing that `vk doctor` looks at. */
export interface Check {
  readonly name: string
  /** @throws Unavailable where what it looks through is not there, else whatever the look itself throws */
  run(context: DoctorContext): Promise<readonly Judged[]>
}

/**
 * A check of two halves, so that what is made of the facts can be tried out without any server.
 * @param probe looks, and decides nothing
 * @param judge decides, and looks at nothing
 */
export function check<F>(
  name: string,
  probe: (context: DoctorContext) => Promise<F>,
  judge: (facts: F) => readonly Judged[],
): Check {
  return { name, run: async (context) => judge(await probe(context)) }
}

/** Runs all checks at once. One that fails or hangs is a finding of its own, and the others do not notice. Never throws. */
export async function examine(context: DoctorContext, checks: readonly Check[]): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map(async (check) =>
      (await Promise.race([judged(check, context), tooLate(context)])).map((one) => ({
        check: check.name,
        ...one,
      })),
    ),
  )
  return found.flat()
}

async function judged(check: Check, context: DoctorContext): Promise<readonly Judged[]> {
  try {
    return await check.run(context)
  } catch (error) {
    const { message, name } = error as Error
    if (error instanceof Unavailable) return [skipped(message)]
    return [fail(`it could not be looked at: ${message || name}`)]
  }
}

async function tooLate({ options: { timeout } }: DoctorContext): Promise<readonly Judged[]> {
  await sleep(timeout, undefined, { ref: false })
  return [fail(`it could not be looked at within ${timeout / 1000} s`, 'give it more time by --timeout')]
}
