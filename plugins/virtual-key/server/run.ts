import { Name } from '../description.ts'
import type { ProcessServices } from '../process.ts'
import { newTelemetry } from '../telemetry/telemetry.ts'
import { watchParent } from './orphan.ts'
import type { PluginClass } from './plugin-info.ts'
import { PluginServer } from './plugin-server.ts'
import { serve } from './serve.ts'
import { UncaughtErrors } from './uncaught-errors.ts'

/**
 * Time to finish phases in flight, and then deliveries and usage records that wait. Kong leaves 0.1 s between SIGTERM and SIGKILL to the process that
 * it started: to this one, or to a shell that waits for this one and takes the signals alone (`… & wait` in START_CMD). Unit: milliseconds.
 */
const TIMEOUT = 4000
/** How often counters are logged, if they changed. Unit: milliseconds. */
const REPORT = 60_000

/**
 * Serves on a unix socket until Kong, or what started this process, ends it.
 * @param prefix Kong's, below which usage records are kept while Redis is away
 * @param loadPlugin called when Kong can connect already
 */
export async function run(
  prefix: string,
  socket: string,
  loadPlugin: () => Promise<(services: ProcessServices) => PluginClass>,
): Promise<void> {
  const telemetry = newTelemetry()
  const { log, metrics } = telemetry
  let services: ProcessServices | undefined
  let plugin: PluginClass | undefined
  const load = async () => {
    const { ProcessServices } = await import('../process.ts')
    const pluginFor = await loadPlugin()
    services ??= new ProcessServices({ telemetry, prefix })
    plugin ??= pluginFor(services)
    return plugin
  }
  const server = new PluginServer(Name, load, log)
  const serving = await serve(server, socket, log, () => void stop(0, true))
  let reported = ''
  const report = () => {
    const counters = metrics.toString()
    if (counters !== reported) log.info(`counters ${counters}`)
    reported = counters
  }
  setInterval(report, REPORT).unref()
  let stopping = false
  /** @param unused Kong has not asked for it, so nothing is in a hurry until its workers have turned to another plugin server. */
  const stop = async (code: number, unused: boolean) => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), 3 * TIMEOUT).unref()
    try {
      services?.secure()
      await serving.stop(TIMEOUT, unused)
      await services?.close(TIMEOUT)
      report()
    } finally {
      process.exit(code)
    }
  }
  process.on('SIGTERM', () => void stop(0, false))
  process.on('SIGINT', () => void stop(0, false))
  new UncaughtErrors(log, () => void stop(1, false)).watch()
  watchParent(log.warn, () => void stop(0, true))
  log.info(`serving, process ${process.pid}`)
  // Kong can connect already; its first request does not wait for this then.
  await load()
}
