import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from './check.ts'
import { type Finding, fail, type Judged, skipped } from './finding.ts'
import { Away, type Seat } from './seat.ts'

/** Runs all checks at once. One that fails or hangs is a finding of its own, and the others do not notice. Never throws. */
export async function examine(seat: Seat, checks: readonly Check[]): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map(async (check) =>
      (await Promise.race([judged(check, seat), tooLate(seat)])).map((one) => ({
        check: check.name,
        ...one,
      })),
    ),
  )
  return found.flat()
}

async function judged(check: Check, seat: Seat): Promise<readonly Judged[]> {
  try {
    return await check.run(seat)
  } catch (error) {
    const { message, name } = error as Error
    if (error instanceof Away) return [skipped(message)]
    return [fail(`it could not be looked at: ${message || name}`)]
  }
}

async function tooLate({ options: { timeout } }: Seat): Promise<readonly Judged[]> {
  await sleep(timeout, undefined, { ref: false })
  return [fail(`it could not be looked at within ${timeout / 1000} s`, 'give it more time by --timeout')]
}
