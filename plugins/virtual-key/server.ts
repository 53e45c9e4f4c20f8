import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as description from './description.ts'
import { pluginInfo } from './server/plugin-info.ts'

/**
 * The plugin server process that Kong starts. Options as those of kong-js-pluginserver:
 *   --dump                                   prints the plugin's description for Kong (QUERY_CMD) and exits
 *   --kong-prefix DIR [--sock-name NAME]     serves on the unix socket DIR/NAME (START_CMD)
 */

const { values: options } = parseArgs({
  options: {
    dump: { type: 'boolean', default: false },
    'kong-prefix': { type: 'string', short: 'p', default: '/usr/local/kong' },
    'sock-name': { type: 'string', default: 'js_pluginserver.sock' },
  },
})

if (options.dump) process.stdout.write(JSON.stringify([pluginInfo(description)]))
else {
  // Not loaded for the dump, which Kong waits for whenever it starts.
  const { run } = await import('./server/run.ts')
  const [prefix, socketName] = [options['kong-prefix'], options['sock-name']]
  await run(prefix, join(prefix, socketName), async () => (await import('./index.ts')).pluginFor).catch(
    (error: Error) => {
      process.stderr.write(`virtual-key error: ${error.message}\n`)
      process.exit(1)
    },
  )
}
