import type { PluginConfiguration } from './entities.ts'
import type { Exchange } from './exchange.ts'
import type { PluginSchema } from './plugin-configuration.ts'

/**
 * A plugin as the gateway runs it, bundled or behind a socket. Phases of one request run in order of priority; a phase ends
 * the request by setting `exchange.answer`. What access or response throws is answered with 500; log throws nothing.
 */
export interface GatewayPlugin {
  readonly name: string
  /** higher runs earlier */
  readonly priority: number
  readonly schema: PluginSchema
  readonly access?: (exchange: Exchange, configuration: PluginConfiguration) => void | Promise<void>
  /** having it turns buffering on */
  readonly response?: (exchange: Exchange, configuration: PluginConfiguration) => void | Promise<void>
  /** sees every piece of the response body that goes to the client; `last`: it is the end, and may be empty */
  readonly bodyFilter?: (
    exchange: Exchange,
    configuration: PluginConfiguration,
    chunk: Uint8Array,
    last: boolean,
  ) => void
  /** a promise is work that goes on after the log phase: it starts when every plugin's log phase has run */
  readonly log?: (exchange: Exchange, configuration: PluginConfiguration) => void | (() => Promise<void>)
}

/** A plugin with the configuration that won for this request. */
export interface Bound {
  readonly plugin: GatewayPlugin
  readonly configuration: PluginConfiguration
}
