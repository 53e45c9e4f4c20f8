import { hostname } from 'node:os'
import { Version } from './description.ts'
import { processesName, processName } from './keys.ts'
import { type Connection, run, type Script } from './ledger/script.ts'
import type { ThrottledLog } from './throttled-log.ts'

/** Unit: milliseconds. */
export const BEAT = 10_000
/** A process that has not been heard of for this long is dead, or cannot reach Redis. Unit: milliseconds. */
export const SILENT = 3 * BEAT + 5000
/** How long a process that is gone is remembered, so that `vk doctor` can miss it. Unit: milliseconds. */
const REMEMBERED = 86_400_000
/** Processes remembered at once; those silent for longest are forgotten first. */
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
  /** Usage records that wait for Redis, in memory. */
  readonly waiting: number
}

/**
 * KEYS 1 processes  2 process
 * ARGV 1 process id  2 sign of life as JSON  3 milliseconds to remember it  4 most processes to remember
 * Reply Redis's clock in milliseconds.
 *
 * By Redis's clock alone, so that gateways need not agree on theirs.
 */
export const heartbeatScript: Script = {
  name: 'vkHeartbeat',
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[4] - 1)
return now
`,
}

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
      const names = [processesName(), processName(processId)]
      await run(redis, heartbeatScript, names, [processId, JSON.stringify(sign), REMEMBERED, MOST])
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
  const beats = await redis.zrange(processesName(), '0', '-1', 'WITHSCORES')
  const found: KnownProcess[] = []
  for (let i = 0; i + 1 < beats.length; i += 2) {
    const sign = signFrom(await redis.get(processName(beats[i] ?? '')))
    if (sign !== undefined)
      found.push({ ...sign, silent: Math.max(0, seconds * 1000 - Number(beats[i + 1])) })
  }
  return found
}

/** undefined: somebody else wrote it, or another version did. */
function signFrom(json: string | null): SignOfLife | undefined {
  try {
    const sign = JSON.parse(json ?? '') as SignOfLife
    const { host, pid, configurations, waiting } = sign
    const readable =
      typeof host === 'string' && Number.isInteger(pid) && Array.isArray(configurations) && waiting >= 0
    return readable ? sign : undefined
  } catch {
    return undefined
  }
}
