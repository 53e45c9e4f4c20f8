import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as description from './description.ts'
import type { ProcessServices } from './process.ts'
import { watchParent } from './server/orphan.ts'
import { type PluginClass, pluginInfo } from './server/plugin-info.ts'
import { PluginServer } from './server/plugin-server.ts'
import { serve } from './server/serve.ts'
import { UncaughtErrors } from './server/uncaught-errors.ts'
import { newTelemetry } from './telemetry/telemetry.ts'

/**
 * The plugin server process that Kong starts. Options as those of kong-js-pluginserver:
 *   --dump                                   prints the plugin's description for Kong (QUERY_CMD) and exits
 *   --kong-prefix DIR [--sock-name NAME]     serves on the unix socket DIR/NAME (START_CMD)
 */

/**
 * Time to finish phases in flight, and then deliveries and usage records that wait. Kong leaves 0.1 s between SIGTERM and SIGKILL to the process that
 * it started: to this one, or to a shell that waits for this one and takes the signals alone (`… & wait` in START_CMD). Unit: milliseconds.
 */
const TIMEOUT = 4000
/** How often counters are logged, if they changed. Unit: milliseconds. */
const REPORT = 60_000

const { values: options } = parseArgs({
  options: {
    dump: { type: 'boolean', default: false },
    'kong-prefix': { type: 'string', short: 'p', default: '/usr/local/kong' },
    'sock-name': { type: 'string', default: 'js_pluginserver.sock' },
  },
})

async function start(): Promise<void> {
  const telemetry = newTelemetry()
  const { log, metrics } = telemetry
  let services: ProcessServices | undefined
  let plugin: PluginClass | undefined
  // The plugin is loaded when Kong can connect already.
  const load = async () => {
    const { ProcessServices } = await import('./process.ts')
    const { pluginFor } = await import('./index.ts')
    services ??= new ProcessServices({ telemetry, prefix: options['kong-prefix'] })
    plugin ??= pluginFor(services)
    return plugin
  }
  const server = new PluginServer(description.Name, load, log)
  const path = join(options['kong-prefix'], options['sock-name'])
  const serving = await serve(server, path, log, () => void stop(0, true))
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

if (options.dump) process.stdout.write(JSON.stringify([pluginInfo(description)]))
else {
  start().catch((error: Error) => {
    process.stderr.write(`virtual-key error: ${error.message}\n`)
    process.exit(1)
  })
}
