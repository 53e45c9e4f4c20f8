import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pluginInfo } from '../../plugins/virtual-key/server/plugin-info.ts'
import { PluginServer } from '../../plugins/virtual-key/server/plugin-server.ts'
import { serve } from '../../plugins/virtual-key/server/serve.ts'
import { lineLog } from '../../plugins/virtual-key/telemetry/log.ts'

/** The project's plugin server with a plugin that has the same phases and does nothing: what Kong's side costs by itself. */
class Empty {
  async access(): Promise<void> {}
  async response(): Promise<void> {}
  async log(): Promise<void> {}
}

const Phases = ['log', 'access', 'response']
const plugin = { Name: 'empty', Version: '0.1.0', Priority: 900, Phases, Schema: [] }
const { values: options } = parseArgs({
  options: {
    dump: { type: 'boolean', default: false },
    'kong-prefix': { type: 'string', default: '/usr/local/kong' },
    'sock-name': { type: 'string', default: 'empty.sock' },
  },
})
const log = lineLog((line) => process.stdout.write(line))

async function main(): Promise<void> {
  if (options.dump) {
    process.stdout.write(JSON.stringify([pluginInfo(plugin)]))
    return
  }
  const server = new PluginServer(plugin.Name, async () => Empty, log)
  const serving = await serve(server, join(options['kong-prefix'], options['sock-name']), log)
  log.info(`serving, process ${process.pid}`)
  process.once('SIGTERM', () => void serving.stop(1000, false).then(() => process.exit(0)))
}

void main()
