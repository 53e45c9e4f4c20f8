import { Redis } from 'ioredis'
import type { PrivateRedis } from '../../dev/redis.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { connected } from './connection.ts'

/** One run of one script, from a state that is made anew each time. */
export interface Situation {
  /** The script's name and what is special, such as `settle: crosses`. */
  readonly title: string
  /** Makes the initial state, on an empty Redis. */
  readonly prepare: (admin: Redis) => Promise<unknown>
  /** Runs the script once, as the plugin server does. */
  readonly act: (redis: Connection) => Promise<unknown>
  /** An alert that it appends may stay without an owner: a sweep hands it over. */
  readonly handsOverLater?: true
  /** A name that it leaves alone, with what belongs to it, where it is of a wrong type. */
  readonly passesOver?: string
}

/** What a script did with all rights. */
export interface Reference {
  /** Commands that it called, in lower case, each once. */
  readonly commands: readonly string[]
  /** Its KEYS in each run, if it had to run again. */
  readonly keys: readonly string[]
  /** Names of keys that its commands were called with. */
  readonly touched: readonly string[]
  readonly before: State
  readonly after: State
}

/** Everything in Redis, by name. */
type State = ReadonlyMap<string, Entry>

interface Entry {
  /** The bytes of DUMP, in hexadecimal. */
  readonly dump: string
  /** Milliseconds until it expires; negative: never. */
  readonly ttl: number
  /** What it holds, without what differs from run to run: times and the ids of stream entries. */
  readonly meaning: string
  /** The same without the consumer groups of a stream. */
  readonly entries: string
}

/** A time to live counts as the same within this. Unit: milliseconds. */
const TOLERANCE = 20_000

const USER = 'gateway'
const PASSWORD = 'spec'

/**
 * Runs scripts as a user whose rights the spec takes away, and tells whether a run that could not do everything did nothing.
 * MONITOR tells which commands a script calls, so that no list can go stale.
 */
export class AllOrNothing {
  readonly #admin: Redis
  readonly #monitor: Redis
  readonly #limited: Redis
  readonly #seen: string[][] = []

  private constructor(admin: Redis, monitor: Redis, limited: Redis) {
    this.#admin = admin
    this.#monitor = monitor
    this.#limited = limited
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      this.#seen.push([source, ...args])
    })
  }

  static async open(server: PrivateRedis): Promise<AllOrNothing> {
    const admin = new Redis(server.port)
    await allow(admin)
    const { redis } = await connected(server.port, { username: USER, password: PASSWORD })
    // Nothing may be under way: the client takes the first line that it receives for the answer to MONITOR.
    const source = new Redis(server.port)
    await Promise.all([source.ping(), redis.ping()])
    const monitor = await source.monitor()
    source.disconnect()
    return new AllOrNothing(admin, monitor, redis)
  }

  close(): void {
    for (const one of [this.#admin, this.#monitor, this.#limited]) one.disconnect()
  }

  /** A connection of the user, for scripts that it has to know. */
  get connection(): Redis {
    return this.#limited
  }

  /** Runs the script with all rights. @throws what the script throws */
  async reference({ prepare, act }: Situation): Promise<Reference> {
    await this.#admin.flushall()
    // Redis must know the script already: what is watched is the script, not its loading.
    await prepare(this.#admin)
    await act(this.#limited)
    await this.#admin.flushall()
    await prepare(this.#admin)
    const before = await stateOf(this.#admin)
    this.#seen.length = 0
    await act(this.#limited)
    const mark = `end ${Math.random()}`
    await this.#admin.echo(mark)
    while (!this.#seen.some((one) => one.includes(mark))) await new Promise((wake) => setTimeout(wake, 1))
    const after = await stateOf(this.#admin)
    const calls = this.#seen.filter(([source]) => source === 'lua').map(([, ...call]) => call)
    const runs = this.#seen.filter(([, command]) => /^evalsha$/i.test(command ?? ''))
    if (runs.length === 0) throw new Error('no script ran')
    return {
      commands: [...new Set(calls.map(([command = '']) => command.toLowerCase()))].sort(),
      keys: [...new Set(runs.flatMap((run) => run.slice(4, 4 + Number(run[3]))))],
      touched: [...new Set(calls.flat().filter((one) => one.startsWith('vk:{')))],
      before,
      after,
    }
  }

  /** What is wrong with a run that may not call `command`; undefined: all or nothing was done. */
  async denied(situation: Situation, reference: Reference, command: string): Promise<string | undefined> {
    await this.#admin.flushall()
    await situation.prepare(this.#admin)
    const before = await stateOf(this.#admin)
    await allow(this.#admin, `-${command}`)
    try {
      return await this.#judged(situation, before, reference.after)
    } finally {
      await allow(this.#admin)
    }
  }

  /** What is wrong with a run that finds one of its keys to be a list, or a text; undefined: all or nothing was done. */
  async mistyped(
    situation: Situation,
    reference: Reference,
    key: string,
    type: 'list' | 'text',
  ): Promise<string | undefined> {
    await this.#admin.flushall()
    await situation.prepare(this.#admin)
    if (situation.passesOver === key) return undefined
    await this.#admin.del(key)
    await (type === 'list' ? this.#admin.rpush(key, 'x') : this.#admin.set(key, 'x'))
    return this.#judged(situation, await stateOf(this.#admin), reference.after, key)
  }

  async #judged(
    { act, handsOverLater }: Situation,
    before: State,
    all: State,
    except?: string,
  ): Promise<string | undefined> {
    const error = await act(this.#limited).then(
      () => undefined,
      (thrown: Error) => thrown,
    )
    const after = await stateOf(this.#admin)
    const changes = differences(before, after, 'dump')
    if (changes.length === 0) return undefined
    if (error !== undefined) return `${error.message}, and yet ${changes.join('; ')}`
    const lacks = differences(all, after, handsOverLater ? 'entries' : 'meaning', except)
    return lacks.length === 0 ? undefined : `no error, and yet ${lacks.join('; ')}`
  }
}

async function allow(admin: Redis, ...less: string[]): Promise<void> {
  await admin.acl('SETUSER', USER, 'reset', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', ...less)
}

function differences(from: State, to: State, by: 'dump' | 'meaning' | 'entries', except?: string): string[] {
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((name) => {
    const [one, other] = [from.get(name), to.get(name)]
    if (name === except) return []
    if (one === undefined) return [`${name} is there: ${other?.meaning}`]
    if (other === undefined) return [`${name} is gone`]
    if (one[by] !== other[by]) return [`${name} was ${one.meaning} and is ${other.meaning}`]
    const same = one.ttl < 0 ? other.ttl < 0 : Math.abs(one.ttl - other.ttl) < TOLERANCE
    return same ? [] : [`${name} had ${one.ttl} ms left and has ${other.ttl}`]
  })
}

async function stateOf(admin: Redis): Promise<State> {
  const state = new Map<string, Entry>()
  for (const name of (await admin.keys('*')).sort()) {
    const [dump, ttl] = await Promise.all([admin.dumpBuffer(name), admin.pttl(name)])
    // A key that expires within a millisecond may be gone at any moment.
    const found = dump === null || (ttl >= 0 && ttl <= 1) ? undefined : await contentOf(admin, name)
    if (dump === null || found === undefined) continue
    const [content, groups] = found
    const [meaning, entries] = [[content, groups], content].map((one) => steady(JSON.stringify(one)))
    state.set(name, {
      dump: dump.toString('hex'),
      ttl,
      meaning: meaning ?? '',
      entries: entries ?? '',
    })
  }
  return state
}

/** What a name holds, and for a stream its consumer groups; undefined: nothing. */
async function contentOf(
  admin: Redis,
  name: string,
): Promise<[content: unknown, groups?: unknown] | undefined> {
  const type = await admin.type(name)
  switch (type) {
    case 'string':
      return [(await admin.getBuffer(name))?.toString('latin1')]
    case 'hash':
      return [Object.entries(await admin.hgetall(name)).sort(([a], [b]) => (a < b ? -1 : 1))]
    case 'zset':
      return [await admin.zrange(name, '0', '-1', 'WITHSCORES')]
    case 'list':
      return [await admin.lrange(name, 0, -1)]
    case 'stream': {
      const groups = (await admin.xinfo('GROUPS', name)) as unknown[][]
      return [await admin.xrange(name, '-', '+'), groups.map((group) => group.slice(0, 6))]
    }
    case 'none':
      return undefined
    default:
      throw new Error(`${name} is a ${type}`)
  }
}

/** Times in seconds, milliseconds and stream ids are those of the run, and so is a generation that was made after a loss. */
function steady(text: string): string {
  return text
    .replace(/(\["generation",")[0-9a-f]{16}/, '$1random')
    .replace(/\b\d{13}-\d+\b/g, 'id')
    .replace(/\b1\d{9}(\d{3})?\b/g, 'time')
}
