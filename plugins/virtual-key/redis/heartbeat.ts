import { hostname } from 'node:os'
import { Version } from '../description.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import { processesName } from './names.ts'
import { type Connection, run, SCRIPTS } from './script.ts'

/** Unit: milliseconds. */
const BEAT = 10_000
/** A process that has not been heard of for this long is dead, or cannot reach Redis. Unit: milliseconds. */
export const SILENT = 3 * BEAT + 5000
/** How long a process that is gone is remembered, so that `vk doctor` can miss it. Unit: milliseconds. */
const REMEMBERED = 86_400_000
/** Processes remembered at once, about 400 bytes each; those silent for longest are forgotten first. */
const MOST = 1000
/** Configurations named by one heartbeat. */
const MOST_CONFIGURATIONS = 100
/** What the log calls it. */
const KIND = 'the heartbeat of this plugin server'

/** What a plugin server says of itself. Nothing of it is a secret. */
export interface SignOfLife {
  /** The machine's or container's name, which Kong's Admin API tells as well. */
  readonly host: string
  readonly pid: number
  readonly version: string
  /** Milliseconds since 1970, by the process's own clock. */
  readonly started: number
  /** Ids of Kong's plugin configurations that it has seen, the first 100. */
  readonly configurations: readonly string[]
  /** When it last settled a usage record, in milliseconds since 1970; absent: not yet. */
  readonly lastSettled?: number
  /** Usage records that wait for Redis, in memory or in the spool. */
  readonly waiting: number
}

const heartbeatScript = SCRIPTS.script<[{ readonly process: string; readonly sign: string }], 0 | 1>(
  'heartbeat',
)

const forgetScript = SCRIPTS.script<[{ readonly lasts: number; readonly most: number }], number>(
  'forget-processes',
)

export interface HeartbeatOptions {
  readonly redis: Connection
  /** Names the process, in Redis. */
  readonly processId: string
  readonly configurations: ReadonlySet<string>
  readonly waiting: () => number
  readonly lastSettled: () => number | undefined
  /** For a heartbeat that Redis refuses; one that cannot be reached is told elsewhere. */
  readonly trouble: ThrottledLog
}

/** Tells Redis every 10 s that this process lives and counts. It costs no request anything. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #started = Date.now()
  #timer: NodeJS.Timeout | undefined

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  start(): void {
    this.#options.redis.on('ready', () => void this.beat())
    this.#timer = setInterval(() => void this.beat(), BEAT).unref()
  }

  /** One sign of life. Never throws: the next one comes soon. */
  async beat(): Promise<void> {
    const { redis, processId, configurations, waiting, lastSettled, trouble } = this.#options
    if (redis.status !== 'ready') return
    const settled = lastSettled()
    const sign: SignOfLife = {
      host: hostname(),
      pid: process.pid,
      version: Version,
      started: this.#started,
      configurations: [...configurations].slice(0, MOST_CONFIGURATIONS),
      ...(settled === undefined ? {} : { lastSettled: settled }),
      waiting: waiting(),
    }
    try {
      const first = await run(redis, heartbeatScript, [processesName()], {
        process: processId,
        sign: JSON.stringify(sign),
      })
      // A plugin server that dies again and again leaves a sign each time.
      if (first === 1) await run(redis, forgetScript, [processesName()], { lasts: REMEMBERED, most: MOST })
      trouble.passed(KIND, processId)
    } catch (error) {
      trouble.failed(KIND, processId, error)
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** A plugin server as Redis remembers it. */
export interface KnownProcess extends SignOfLife {
  /** Milliseconds since its last sign of life, by Redis's clock. */
  readonly silent: number
}

/** The plugin servers that were heard of within a day. What is no sign of life is left out. @throws ReplyError or a connection's Error */
export async function knownProcesses(redis: Connection): Promise<KnownProcess[]> {
  const [seconds = 0] = (await redis.time()).map(Number)
  const signs = Object.values(await redis.hgetall(processesName()))
  return signs.flatMap((text) => {
    const at = text.indexOf(' ')
    const sign = signFrom(text.slice(at + 1))
    const silent = Math.max(0, seconds * 1000 - Number(text.slice(0, at)))
    return sign === undefined || !(silent <= REMEMBERED) ? [] : [{ ...sign, silent }]
  })
}

/** undefined: somebody else wrote it, or another version did. */
function signFrom(json: string): SignOfLife | undefined {
  try {
    const sign = JSON.parse(json) as SignOfLife
    const { host, pid, configurations, waiting } = sign
    const readable =
      typeof host === 'string' && Number.isInteger(pid) && Array.isArray(configurations) && waiting >= 0
    return readable ? sign : undefined
  } catch {
    return undefined
  }
}
