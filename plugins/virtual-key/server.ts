import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as plugin from './index.ts'
import { closeRuntimes, log, metrics } from './runtime.ts'
import { PluginServer } from './server/plugin-server.ts'
import { serve } from './server/serve.ts'

/**
 * The plugin server process that Kong starts. Options as those of kong-js-pluginserver:
 *   --dump                                   prints the plugin's description for Kong (QUERY_CMD) and exits
 *   --kong-prefix DIR [--sock-name NAME]     serves on the unix socket DIR/NAME (START_CMD)
 */

/** Time to finish phases in flight, and then deliveries and settlements. Kong kills after 10 s or so. Unit: milliseconds. */
const PATIENCE = 4000
/** How often counters are logged, if they changed. Unit: milliseconds. */
const REPORT = 60_000

const { values: options } = parseArgs({
  options: {
    dump: { type: 'boolean', default: false },
    'kong-prefix': { type: 'string', short: 'p', default: '/usr/local/kong' },
    'sock-name': { type: 'string', default: 'js_pluginserver.sock' },
  },
})

const logger = { debug: () => undefined, info: () => undefined, warn: log.warn, error: log.error }
const server = new PluginServer(plugin, logger)

async function dump(): Promise<void> {
  process.stdout.write(JSON.stringify([await server.GetPluginInfo(plugin.Name)]))
  server.close()
}

async function start(): Promise<void> {
  const serving = await serve(server, join(options['kong-prefix'], options['sock-name']), log)
  let reported = ''
  const report = () => {
    const counters = metrics.toString()
    if (counters !== reported) log.info(`counters ${counters}`)
    reported = counters
  }
  setInterval(report, REPORT).unref()
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), 3 * PATIENCE).unref()
    await serving.stop(PATIENCE)
    await closeRuntimes(PATIENCE)
    report()
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
  log.info(`serving, process ${process.pid}`)
}

const ended = options.dump ? dump() : start()
ended.catch((error: Error) => {
  process.stderr.write(`virtual-key error: ${error.message}\n`)
  process.exit(1)
})
