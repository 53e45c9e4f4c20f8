import { randomInt } from 'node:crypto'
import mod from 'kong-pdk/lib/mod.js'
import Server, { type Logger, type Step } from 'kong-pdk/server.js'

/**
 * Kong resets every instance of the plugin in every worker when one was dropped, so one is dropped only when Kong must have
 * forgotten it long ago. kong-pdk's own limit is one minute. Unit: seconds.
 */
const INSTANCE_IDLE = 86_400
/** Unit: milliseconds. */
const SWEEP = 60_000

/** PDK calls that end the request on Kong's side: no Step follows them. */
const ENDING = new Set(['kong.response.exit', 'kong.response.error'])

/** kong-pdk's server for this one plugin, with its leak and its aliasing mended. */
export class PluginServer extends Server {
  /** The event ids that were next at the last two sweeps, the older one first. */
  #watermarks: readonly number[] = []

  constructor(plugin: object & { readonly Name: string }, logger: Logger) {
    super(undefined, logger, SWEEP)
    this.plugins.set(plugin.Name, new mod.Module(plugin.Name, undefined, plugin))
    // Kong keeps the ids of a server that died. Counting on from 0, a new process would take one route's instance for another's,
    // and one request's event for another's; from its own seed it knows none of them and Kong starts over. Below 2^31 the ids
    // stay integers in every MessagePack and Lua.
    this.instanceID = randomInt(2 ** 30)
    this.eventID = randomInt(2 ** 30)
  }

  override clearExpiredPlugins(interval: number): NodeJS.Timeout {
    const timer = setInterval(() => {
      for (const [id, instance] of this.instances) {
        if (instance.isExpired(INSTANCE_IDLE)) this.instances.delete(id)
      }
      this.#forgetAbandoned()
    }, interval)
    return timer.unref()
  }

  /**
   * Forgets events that Kong gave up: where a PDK call raises on its side it answers the client and never comes back, and it waits
   * for no phase longer than a minute.
   */
  #forgetAbandoned(): void {
    const [oldest = Number.NEGATIVE_INFINITY] = this.#watermarks
    for (const id of this.events.keys()) {
      if (id < oldest) this.events.delete(id)
    }
    this.#watermarks = [...this.#watermarks, this.eventID].slice(-2)
  }

  override async HandleEvent(event: {
    readonly InstanceId: number
    readonly EventName: string
  }): Promise<Step> {
    return this.#forgetEnded(await super.HandleEvent(event))
  }

  override async step(
    data: { readonly Data?: unknown; readonly EventId: number },
    isError: boolean,
  ): Promise<Step> {
    return this.#forgetEnded(await super.step(data, isError))
  }

  /** kong-pdk forgets only an event that made at least one call and returned; each other one would stay for ever. */
  #forgetEnded(step: Step): Step {
    const call = step.Data as { readonly Method?: string } | 'ret'
    if (call === 'ret' || ENDING.has(call.Method ?? '')) this.events.delete(step.EventId)
    return step
  }
}
