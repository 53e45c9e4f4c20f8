/** Notes how to stop what was started, should the rest of the set-up fail. */
export type Started = <T>(thing: T, stop: (thing: T) => unknown) => T

/**
 * A set-up that leaves nothing behind where it throws: what was started is stopped, the last first. Otherwise a failing before-hook
 * would keep the run from ever ending.
 */
export async function setUp<T>(steps: (started: Started) => Promise<T>): Promise<T> {
  const stops: Array<() => unknown> = []
  try {
    return await steps((thing, stop) => {
      stops.push(() => stop(thing))
      return thing
    })
  } catch (error) {
    for (const stop of stops.reverse()) await Promise.resolve(stop()).catch(() => undefined)
    throw error
  }
}
