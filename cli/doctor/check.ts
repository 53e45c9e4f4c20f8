import { setTimeout as sleep } from 'node:timers/promises'
import { type DoctorContext, Unavailable } from './context.ts'
import { type Finding, fail, type Judged, skipped } from './finding.ts'

/** One check of `vk doctor`. */
export interface Check {
  readonly name: string
  /** @throws Unavailable if something that it needs is not available, else any error of the check itself */
  run(context: DoctorContext): Promise<readonly Judged[]>
}

/**
 * A check in two halves, so that the judgement can be tested without any server.
 * @param probe reads the facts, and decides nothing
 * @param judge decides, and reads nothing
 */
export function check<F>(
  name: string,
  probe: (context: DoctorContext) => Promise<F>,
  judge: (facts: F) => readonly Judged[],
): Check {
  return { name, run: async (context) => judge(await probe(context)) }
}

/** Runs all checks at once. If one fails or hangs, that is its finding, and it does not affect the others. Never throws. */
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
