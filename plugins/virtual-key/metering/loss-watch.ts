import { Cluster, type Redis } from 'ioredis'
import type { Link } from '../redis/connection.ts'
import { PARTITIONS, schemaName } from '../redis/names.ts'
import type { Log } from '../telemetry/log.ts'
import { ThrottledLog } from '../telemetry/throttled-log.ts'
import type { CounterSnapshots, CounterState } from './counter-snapshots.ts'
import { restore } from './restore.ts'

/** Between two looks at the generations. Every process has to look several times within the grace (generation.ts). Unit: milliseconds. */
const EVERY = 1000
/** Counters put back in one step. */
const BATCH = 100
/** What the log calls it. */
const KIND = 'putting counters back, of which Redis has lost data'

export interface LossWatchOptions {
  readonly link: Link
  readonly known: CounterSnapshots
  readonly log: Log
}

/**
 * Finds out that Redis has lost data (a flush, an empty Redis in the place of the old one, a failover to an older replica) and tells
 * it what this process last saw of the counters. A flush is found by the generation, once a second and with each usage record that is settled; what a
 * failover has lost by telling everything anew with each new connection: of a cluster with each to one of its nodes, because the
 * cluster itself stays connected where one node is replaced.
 */
export class LossWatch {
  readonly #options: LossWatchOptions
  readonly #timer: NodeJS.Timeout
  readonly #trouble: ThrottledLog
  readonly #ready = () => void this.#tellAll()
  readonly #watchNode = (node: Redis) => void node.on('ready', this.#ready)
  /** Partitions that are being told. */
  readonly #telling = new Set<number>()

  constructor(options: LossWatchOptions) {
    this.#options = options
    this.#trouble = new ThrottledLog(options.log, () => performance.now())
    options.known.onLoss = (partition) => void this.#tell(partition)
    const { redis } = options.link
    redis.on('ready', this.#ready)
    if (redis instanceof Cluster) {
      for (const node of redis.nodes()) this.#watchNode(node)
      redis.on('+node', this.#watchNode)
    }
    this.#timer = setInterval(() => void this.#look(), EVERY).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    const { redis } = this.#options.link
    redis.off('ready', this.#ready).off('+node', this.#watchNode)
    if (redis instanceof Cluster) for (const node of redis.nodes()) node.off('ready', this.#ready)
  }

  async #look(): Promise<void> {
    const { link, known } = this.#options
    if (link.redis.status !== 'ready') return
    await Promise.all(
      Array.from({ length: PARTITIONS }, async (_, partition) => {
        const generation = known.generation(partition)
        if (generation === undefined) return
        // Redis went away in between: the next look is soon.
        const found = await link.redis.hget(schemaName(partition), 'generation').catch(() => generation)
        if (found !== generation) await this.#tell(partition)
        else this.#trouble.passed(KIND, partition)
      }),
    )
  }

  async #tellAll(): Promise<void> {
    await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => this.#tell(partition)))
  }

  async #tell(partition: number): Promise<void> {
    const { known, log, link } = this.#options
    const generation = known.generation(partition)
    if (generation === undefined || this.#telling.has(partition)) return
    this.#telling.add(partition)
    try {
      const { counters, found } = await this.#send(partition, generation)
      known.restored(partition, found)
      this.#trouble.passed(KIND, partition)
      if (found !== generation) log.critical(`Redis has lost data, ${lossOf(counters)}`)
      else if (counters > 0) log.critical(`Redis has lost its newest data, ${lossOf(counters)}`)
    } catch (error) {
      // The next look tries again: the generation that is known is still the old one.
      if (link.redis.status === 'ready') this.#trouble.failed(KIND, partition, error)
    } finally {
      this.#telling.delete(partition)
    }
  }

  /** All at once, so that on the same connection no usage record that is sent later is judged before. */
  async #send(partition: number, generation: string): Promise<{ counters: number; found: string }> {
    const { link, known } = this.#options
    const totals = known.ofPartition(partition)
    const batches: Array<ReadonlyArray<readonly [string, CounterState]>> = []
    for (let i = 0; i < Math.max(totals.length, 1); i += BATCH) batches.push(totals.slice(i, i + BATCH))
    const replies = await Promise.all(batches.map((one) => restore(link.redis, partition, generation, one)))
    return {
      counters: replies.reduce((sum, one) => sum + one.counters, 0),
      found: replies.at(-1)?.generation ?? generation,
    }
  }
}

function lossOf(counters: number): string {
  return `of which ${counters} counter${counters === 1 ? ' is' : 's are'} put back to what this gateway last saw`
}
