import { randomInt } from 'node:crypto'
import type { Log } from '../telemetry/log.ts'
import { isLast, type Next, PhaseRun } from './phase-run.ts'
import type { PluginClass } from './plugin-info.ts'
import { stackOf } from './uncaught-errors.ts'

/**
 * When one instance is unknown, Kong starts all instances of the plugin again in every worker, so an instance is dropped only when Kong
 * must have forgotten it long ago. kong-pdk's own limit is one minute. Unit: milliseconds.
 */
const INSTANCE_IDLE = 86_400_000
/** Unit: milliseconds. */
const SWEEP = 60_000

/** A configuration of the plugin in one of Kong's workers. */
interface Instance {
  readonly phases: Readonly<Record<string, ((kong: object) => unknown) | undefined>>
  readonly config: unknown
  /** Unit: milliseconds since 1970. */
  lastUsed: number
}

/** The next step of a phase, and the id by which Kong names the phase in its answer. */
export interface Step {
  readonly Data: Next
  readonly EventId: number
}

/**
 * The calls that Kong makes to one plugin: instances of its configurations, and phases of requests (events) that run on them. Kong gets
 * the message of what a method throws, and looks for "no plugin instance" in it. The members are named as Kong spells them.
 * Source: Kong 3.9, kong/runloop/plugin_servers/rpc/mp_rpc.lua; kong-pdk 0.6.0, server.js.
 */
export class PluginServer {
  readonly #name: string
  readonly #load: () => Promise<PluginClass>
  readonly #log: Log
  readonly #instances = new Map<number, Instance>()
  readonly #events = new Map<number, PhaseRun>()
  readonly #sweep: NodeJS.Timeout
  // Kong keeps the ids of a server that died. If every process counted from 0, a new one would confuse the instances of two routes, and
  // the events of two requests. Since each starts at a random number, a new one does not know the old ids, and Kong starts over. Below
  // 2^31 the ids stay integers in every implementation of MessagePack and Lua.
  #instanceId = randomInt(2 ** 30)
  #eventId = randomInt(2 ** 30)
  /** The event ids that were next at the last two sweeps, the older one first. */
  #watermarks: readonly number[] = []

  /** @param load loads the plugin; only instances wait for it, so that the socket listens as early as possible */
  constructor(name: string, load: () => Promise<PluginClass>, log: Log) {
    this.#name = name
    this.#load = load
    this.#log = log
    this.#sweep = setInterval(() => this.#forgetAbandoned(), SWEEP)
    this.#sweep.unref()
  }

  /** Phases under way. */
  get running(): number {
    return this.#events.size
  }

  /** @throws what the plugin's constructor throws, and Error for another plugin's name */
  async startInstance(start: { readonly Name: string; readonly Config: string }): Promise<object> {
    const { Name, Config } = start
    if (Name !== this.#name) throw new Error(`plugin ${Name} is not loaded`)
    const config: unknown = JSON.parse(Config)
    const Plugin = await this.#load()
    const phases = new Plugin(config as never) as Instance['phases']
    const now = Date.now()
    const id = this.#instanceId++
    this.#instances.set(id, { phases, config, lastUsed: now })
    return { Name, Id: id, Config: config, StartTime: now / 1000 }
  }

  /** @throws Error for an instance that is not known */
  closeInstance(id: number): object {
    const { config } = this.#instance(id)
    this.#instances.delete(id)
    return { Name: this.#name, Id: id, Config: config }
  }

  /** Starts a phase. @throws Error for an instance that is not known */
  handleEvent(event: { readonly InstanceId: number; readonly EventName: string }): Promise<Step> {
    const { InstanceId, EventName } = event
    const instance = this.#instance(InstanceId)
    instance.lastUsed = Date.now()
    const id = this.#eventId++
    const run = new PhaseRun(
      (kong) => instance.phases[EventName]?.(kong),
      (error) => this.#log.error(`phase ${EventName} failed: ${stackOf(error)}`),
    )
    this.#events.set(id, run)
    return this.#step(id, run)
  }

  /** Kong's answer to a PDK call. @throws Error for an event that is not known */
  step({ EventId, Data }: { readonly EventId: number; readonly Data?: unknown }): Promise<Step> {
    const run = this.#event(EventId)
    run.answer(Data, undefined)
    return this.#step(EventId, run)
  }

  /** Kong's error of a PDK call. @throws Error for an event that is not known */
  stepError({ EventId, Data }: { readonly EventId: number; readonly Data?: unknown }): Promise<Step> {
    const run = this.#event(EventId)
    run.answer(undefined, Data)
    return this.#step(EventId, run)
  }

  close(): void {
    clearInterval(this.#sweep)
  }

  async #step(id: number, run: PhaseRun): Promise<Step> {
    const Data = await run.next()
    if (isLast(Data)) this.#events.delete(id)
    return { Data, EventId: id }
  }

  #instance(id: number): Instance {
    const instance = this.#instances.get(id)
    if (instance === undefined) throw new Error(`no plugin instance #${id}`)
    return instance
  }

  #event(id: number): PhaseRun {
    const run = this.#events.get(id)
    if (run === undefined) throw new Error(`event id ${id} not found`)
    return run
  }

  /**
   * Forgets instances that Kong must have forgotten, and events that it has given up: when a PDK call raises an error in Kong, Kong answers
   * the client and never continues the phase; and it waits at most a minute for any phase.
   */
  #forgetAbandoned(): void {
    const idle = Date.now() - INSTANCE_IDLE
    for (const [id, { lastUsed }] of this.#instances) if (lastUsed < idle) this.#instances.delete(id)
    const [oldest = Number.NEGATIVE_INFINITY] = this.#watermarks
    for (const id of this.#events.keys()) if (id < oldest) this.#events.delete(id)
    this.#watermarks = [...this.#watermarks, this.#eventId].slice(-2)
  }
}
