// kong-pdk 0.6.0 ships no usable declarations. These are the members used here, read from its source.

declare module 'kong-pdk/server.js' {
  export interface Logger {
    debug(...message: unknown[]): void
    info(...message: unknown[]): void
    warn(...message: unknown[]): void
    error(...message: unknown[]): void
  }

  export interface Step {
    /** 'ret' when the phase has ended, else the PDK call that Kong has to make. */
    readonly Data: unknown
    readonly EventId: number
  }

  export default class Server {
    constructor(pluginDirectory: string | undefined, logger: Logger, sweepInterval?: number)
    readonly plugins: Map<string, unknown>
    readonly instances: Map<number, { isExpired(seconds?: number): boolean }>
    readonly events: Map<number, unknown>
    instanceID: number
    eventID: number
    StartInstance(start: { readonly Name: string; readonly Config: string }): Promise<unknown>
    HandleEvent(event: { readonly InstanceId: number; readonly EventName: string }): Promise<Step>
    step(data: { readonly Data?: unknown; readonly EventId: number }, isError: boolean): Promise<Step>
    GetPluginInfo(name: string): Promise<PluginInfo>
    clearExpiredPlugins(interval: number): NodeJS.Timeout
    close(): void
  }

  export interface PluginInfo {
    readonly Name: string
    readonly Version: string
    readonly Phases: readonly string[]
    readonly Priority: number
    readonly Schema: unknown
  }
}

declare module 'kong-pdk/listener.js' {
  import type { Server as NetServer } from 'node:net'
  import type PluginServer from 'kong-pdk/server.js'

  export default class Listener {
    constructor(server: PluginServer, socketPath: string)
    serve(): NetServer
  }
}

declare module 'kong-pdk/lib/mod.js' {
  const exports: {
    readonly Module: new (name: string, path: undefined, plugin: object) => { readonly name: string }
  }
  export default exports
}
