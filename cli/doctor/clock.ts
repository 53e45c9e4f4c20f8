import { Cluster, type Redis } from 'ioredis'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import { addressOf } from './redis-node.ts'

/** One reading of Redis's clock; all in milliseconds, `asked` and `answered` by the clock of this machine. */
export interface Sample {
  readonly asked: number
  readonly answered: number
  readonly redis: number
}

export interface ClockFacts {
  readonly address: string
  readonly samples: readonly Sample[]
}

const SAMPLES = 5
/** Unit: milliseconds. */
const NOTEWORTHY = 2000
const HARMFUL = 60_000

async function probe(context: DoctorContext): Promise<ClockFacts[]> {
  const redis = await context.redis()
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis]
  return Promise.all(
    nodes.map(async (node) => ({
      address: addressOf(node),
      // Another check reports a node that does not answer.
      samples: await samplesOf(node).catch(() => []),
    })),
  )
}

async function samplesOf(node: Redis): Promise<Sample[]> {
  const samples: Sample[] = []
  while (samples.length < SAMPLES) {
    const [asked, started] = [Date.now(), performance.now()]
    const [seconds, micros] = (await node.time()).map(Number)
    const answered = asked + performance.now() - started
    samples.push({ asked, answered, redis: (seconds ?? 0) * 1000 + (micros ?? 0) / 1000 })
  }
  return samples
}

/**
 * The time by which Redis's clock is ahead of this machine's, in milliseconds. The sample with the shortest round trip is the most exact:
 * its error is at most half of that time.
 */
export function skewOf(samples: readonly Sample[]): number | undefined {
  const [best] = [...samples].sort((a, b) => a.answered - a.asked - (b.answered - b.asked))
  return best === undefined ? undefined : best.redis - (best.asked + best.answered) / 2
}

export function judgeClock(facts: readonly ClockFacts[]): Judged[] {
  const skews = facts.flatMap(({ address, samples }) => {
    const skew = skewOf(samples)
    return skew === undefined ? [] : [{ address, skew }]
  })
  const [worst] = [...skews].sort((a, b) => Math.abs(b.skew) - Math.abs(a.skew))
  if (worst === undefined) return [skipped('Redis does not tell its time')]
  const size = Math.abs(worst.skew)
  if (size <= NOTEWORTHY) return [ok(`${worst.address} and this machine are ${Math.round(size)} ms apart`)]
  const apart = `${worst.address} is ${(size / 1000).toFixed(1)} s ${worst.skew < 0 ? 'behind' : 'ahead of'} this machine`
  if (size > HARMFUL) {
    return [
      fail(
        apart,
        'set both by NTP: windows begin, and signatures are dated, by the clocks of the gateways; receivers refuse 5 minutes',
      ),
    ]
  }
  return [warn(apart, 'set both by NTP')]
}

/** Whether Redis and this machine agree on the time. */
export const clock = check('clock', probe, judgeClock)
