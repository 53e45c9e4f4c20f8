import { type PluginConfiguration, WORKSPACE_ID } from './entities.ts'
import type { Exchange, Phase } from './exchange.ts'
import type { Log } from './log.ts'
import { callPdk } from './pdk.ts'
import type { GatewayPlugin } from './plan.ts'
import type { PluginInfo } from './plugin-query.ts'
import { type Rpc, RpcError, RpcUnavailable } from './rpc.ts'
import { isValues } from './validation.ts'

/**
 * A plugin behind a plugin server's socket, called as Kong calls it: one instance for each configuration, made by the first request. If
 * the server cannot be reached, the request passes, unless an instance had to be made.
 */
export class ExternalPlugin {
  readonly #info: PluginInfo
  readonly #rpc: Rpc
  readonly #log: Log
  /** by the configuration's id; pending while the server makes one */
  readonly #instances = new Map<string, { configuration: PluginConfiguration; id: Promise<number> }>()
  /** a number for every version of a configuration, the same for every instance of it */
  readonly #sequence = new WeakMap<PluginConfiguration, number>()
  #configurations = 0

  constructor(info: PluginInfo, rpc: Rpc, log: Log) {
    this.#info = info
    this.#rpc = rpc
    this.#log = log
  }

  asGatewayPlugin(): GatewayPlugin {
    const run = (phase: Phase) => async (exchange: Exchange, configuration: PluginConfiguration) =>
      await this.#handle(phase, exchange, configuration)
    const has = (phase: Phase): boolean => this.#info.Phases.includes(phase)
    return {
      name: this.#info.Name,
      priority: this.#info.Priority,
      ...(has('access') && { access: run('access') }),
      ...(has('response') && { response: run('response') }),
      ...(has('log') && { log: (exchange, configuration) => () => this.#logPhase(exchange, configuration) }),
    }
  }

  /** @throws PdkRaise; RpcError or RpcUnavailable when no instance could be made */
  async #handle(phase: Phase, exchange: Exchange, configuration: PluginConfiguration): Promise<void> {
    for (;;) {
      const instance = await this.#instance(configuration)
      try {
        await this.#run(instance, phase, exchange, configuration)
        return
      } catch (error) {
        if (!(error instanceof RpcError || error instanceof RpcUnavailable)) throw error
        if (!error.message.toLowerCase().includes('no plugin instance')) {
          this.#log('err', `${configuration.name}: ${error.message}`)
          return
        }
        // The server does not know this instance, so it may not know any other: Kong makes all instances of the plugin again.
        this.#instances.clear()
        this.#log('warn', `${configuration.name}: ${error.message}`)
      }
    }
  }

  /** In Kong this runs in a timer, where errors are not reported to anybody. */
  async #logPhase(exchange: Exchange, configuration: PluginConfiguration): Promise<void> {
    try {
      await this.#handle('log', exchange, configuration)
    } catch (error) {
      this.#log('err', `${configuration.name}: ${String(error)}`)
    }
  }

  async #run(
    instance: number,
    phase: Phase,
    exchange: Exchange,
    configuration: PluginConfiguration,
  ): Promise<void> {
    const context = { exchange, configuration, phase, log: this.#log }
    let step = stepOf(await this.#rpc.call('plugin.HandleEvent', { InstanceId: instance, EventName: phase }))
    while (step.Data !== 'ret') {
      if (!isValues(step.Data)) throw new RpcUnavailable(`unexpected step: ${JSON.stringify(step.Data)}`)
      const { Method, Args } = step.Data
      const { step: method, value } = await callPdk(context, String(Method), Array.isArray(Args) ? Args : [])
      // A phase that exits gets no answer to that call: it ends inside Kong.
      if (exchange.answer && Method === 'kong.response.exit') return
      step = stepOf(await this.#rpc.call(method, { Data: value, EventId: step.EventId }))
    }
  }

  async #instance(configuration: PluginConfiguration): Promise<number> {
    for (;;) {
      const running = this.#instances.get(configuration.id)
      if (running?.configuration !== configuration) return await this.#start(configuration, running?.id)
      try {
        return await running.id
      } catch {
        // Another request's attempt failed; Kong lets every request that waited for it try again.
      }
    }
  }

  /** @param old the instance of what the configuration was before it was changed */
  async #start(configuration: PluginConfiguration, old?: Promise<number>): Promise<number> {
    const starting = this.#rpc
      .call('plugin.StartInstance', { Name: configuration.name, Config: this.#configJson(configuration) })
      .then((started) => {
        if (!isValues(started) || typeof started.Id !== 'number') throw new RpcError('no instance id')
        return started.Id
      })
    const instance = { configuration, id: starting }
    this.#instances.set(configuration.id, instance)
    try {
      const id = await starting
      void old?.then((it) => this.#rpc.call('plugin.CloseInstance', it)).catch(() => undefined)
      return id
    } catch (error) {
      if (this.#instances.get(configuration.id) === instance) this.#instances.delete(configuration.id)
      this.#log('err', `starting instance: ${String(error)}`)
      throw error
    }
  }

  #configJson(configuration: PluginConfiguration): string {
    const { id, name, scope, config } = configuration
    const sequence = this.#sequence.get(configuration) ?? ++this.#configurations
    this.#sequence.set(configuration, sequence)
    return JSON.stringify({
      ...config,
      route_id: scope.route,
      service_id: scope.service,
      consumer_id: scope.consumer,
      __plugin_id: id,
      __ws_id: WORKSPACE_ID,
      __key__: ['plugins', name, scope.route, scope.service, scope.consumer, '', WORKSPACE_ID].join(':'),
      __seq__: sequence,
    })
  }
}

function stepOf(answer: unknown): { Data: unknown; EventId: unknown } {
  if (!isValues(answer)) throw new RpcUnavailable(`unexpected answer: ${JSON.stringify(answer)}`)
  return { Data: answer.Data, EventId: answer.EventId }
}
