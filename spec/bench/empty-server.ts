import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { lineLog } from '../../plugins/virtual-key/log.ts'
import { PluginServer } from '../../plugins/virtual-key/server/plugin-server.ts'
import { serve } from '../../plugins/virtual-key/server/serve.ts'

/** The project's plugin server with a plugin that has the same phases and does nothing: what Kong's side costs by itself. */
class Empty {
  async access(): Promise<void> {}
  async response(): Promise<void> {}
  async log(): Promise<void> {}
}

const plugin = { Name: 'empty', Plugin: Empty, Version: '0.1.0', Priority: 900, Schema: [] }
const { values: options } = parseArgs({
  options: {
    dump: { type: 'boolean', default: false },
    'kong-prefix': { type: 'string', default: '/usr/local/kong' },
    'sock-name': { type: 'string', default: 'empty.sock' },
  },
})
const log = lineLog((line) => process.stdout.write(line))
const server = new PluginServer(plugin, { debug: () => undefined, ...log })

async function main(): Promise<void> {
  if (options.dump) {
    process.stdout.write(JSON.stringify([await server.GetPluginInfo(plugin.Name)]))
    return server.close()
  }
  const serving = await serve(server, join(options['kong-prefix'], options['sock-name']), log)
  log.info(`serving, process ${process.pid}`)
  process.once('SIGTERM', () => void serving.stop(1000).then(() => process.exit(0)))
}

void main()
