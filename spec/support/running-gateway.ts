/** A gateway with the plugin, behind which the specs cannot tell a real Kong from the stand-in. */
export interface RunningGateway {
  readonly url: string
  /** HTTP/2 over TLS with a self-signed certificate; the stand-in has none. */
  readonly http2Url?: string
  /** Everything logged so far. */
  log(): string
  /** Process id of the plugin server that serves now. */
  pluginServerPid(): Promise<number>
  /** `kong reload`: a new plugin server starts, and the old one gets SIGTERM. Resolves when the new one serves. */
  reload(): Promise<void>
  /** Kills the worker that started the plugin server. Resolves when another plugin server serves. The stand-in has no workers. */
  killWorker?(): Promise<void>
  /** `kong quit`: requests under way end first. */
  quit(): Promise<void>
  /** Not after `quit`. */
  stop(): Promise<void>
}

/** How Kong runs the plugin server, as in its QUERY_CMD and START_CMD. */
export interface PluginServerCommand {
  readonly query: string
  start(prefix: string, socketName: string): string
}
