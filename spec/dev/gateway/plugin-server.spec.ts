import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { queryPlugin } from '../../../dev/gateway/plugin-query.ts'
import { startPluginServer } from '../../../dev/gateway/plugin-server.ts'
import { ask } from './support/client.ts'
import {
  FIXTURES,
  gatewayWith,
  type PluginStack,
  type RunningGateway,
  startPlugin,
  startUpstream,
  type Upstream,
} from './support/stack.ts'

const NODE = `'${process.execPath}'`

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(10)
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => expect.fail('should have failed'),
    (error: Error) => error.message,
  )
}

describe('development gateway: query command', () => {
  const info = { Name: 'a', Version: '1', Priority: 1, Phases: [], Schema: { name: 'a', fields: [] } }
  const printing = (text: string): string => `printf '%s' '${text}'`

  it('takes the first plugin of the list', async () => {
    expect(await queryPlugin(printing(JSON.stringify([info, { ...info, Name: 'b' }])))).to.deep.equal(info)
  })
  it('refuses any other byte on stdout', async () => {
    expect(await failure(queryPlugin(printing(`hello\n${JSON.stringify([info])}`)))).to.contain(
      'failed decoding',
    )
  })
  it('refuses what is no list of plugins', async () => {
    expect(await failure(queryPlugin(printing('{}')))).to.contain('not a plugin info table')
    expect(await failure(queryPlugin(printing('[]')))).to.contain('not a plugin info table')
  })
  it('refuses a command that does not end', async () => {
    const hanging = `exec ${NODE} -e 'setInterval(() => {}, 1000)'`
    expect(await failure(queryPlugin(hanging, 200))).to.contain('did not end within 200 ms')
  })
})

describe('development gateway: start command', () => {
  it('says what a server wrote that ends before it listens', async () => {
    const command = `${NODE} -e 'console.error("no redis"); process.exit(3)'`
    const starting = startPluginServer({ command, socket: '/nonexistent/socket', log: () => {} })
    expect(await failure(starting)).to.contain('no redis')
  })

  it('gives an empty environment, and what the server writes to the log at level info', async () => {
    const lines: [string, string][] = []
    const command = `env GIVEN=1 ${NODE} -e 'console.log(JSON.stringify(process.env)); process.exit(0)'`
    const log = (level: string, message: string): unknown => lines.push([level, message])
    await failure(startPluginServer({ command, socket: '/nonexistent/socket', log }))
    const [level, line] = lines.find(([, message]) => message.includes('GIVEN')) ?? []
    expect(level).to.equal('info')
    const environment = Object.keys(JSON.parse(line?.replace(/^\[.*?\] /, '') ?? '{}') as object)
    // PWD and the like are the shell's own, in Kong too.
    expect(environment)
      .to.include('GIVEN')
      .and.not.include.members(['HOME'])
      .and.not.include.members(['PATH'])
  })
})

describe('development gateway: a plugin server that dies', () => {
  let plugin: PluginStack
  let upstream: Upstream
  let gateway: RunningGateway
  let config: object

  before(async () => {
    upstream = await startUpstream((_request, response) => response.end('answered'))
    plugin = await startPlugin(join(FIXTURES, 'script.js'))
    const route = (name: string): object => ({
      paths: [`/${name}`],
      plugins: [{ name: 'script', config: { label: name } }],
    })
    const service = { url: `http://127.0.0.1:${upstream.port}`, routes: ['a', 'b', 'c'].map(route) }
    config = { services: [{ name: 'llm', ...service }] }
    gateway = await gatewayWith(config, plugin)
  })
  after(async () => {
    await gateway.close()
    await plugin.close()
    await upstream.close()
  })

  const status = async (path: string, headers = {}): Promise<number> =>
    (await ask(gateway.url + path, { headers })).status

  it('lets a request pass whose phase hangs', async () => {
    const hasty = await gatewayWith(config, plugin, 200)
    // On a busy machine the instance itself may take longer than that; it is there in the end.
    await eventually(async () => (await ask(`${hasty.url}/a`)).status === 200)
    const reply = await ask(`${hasty.url}/a`, { headers: { 'x-access': '[["hang"]]' } })
    await hasty.close()
    expect(reply.status).to.equal(200)
    expect(hasty.log.some(({ level, message }) => level === 'err' && message.includes('timeout'))).to.equal(
      true,
    )
  })

  it('is started again after kill -9; lost instances are started over', async () => {
    expect(await status('/b')).to.equal(200)
    const before = plugin.server.pid
    process.kill(before ?? 0, 'SIGKILL')
    // Whether it is down or already up again: a route whose instance existed is proxied.
    expect(await status('/b')).to.equal(200)
    await eventually(() => plugin.server.pid !== undefined && plugin.server.pid !== before)
    expect(plugin.server.restarts).to.equal(1)
    // The number of the old process's instance means nothing to the new one.
    const lost = (): boolean => gateway.log.some(({ message }) => message.includes('no plugin instance #'))
    await eventually(async () => (await status('/b')) === 200 && lost())
    const { messages } = plugin.relay
    const started = messages.filter(
      ({ connection, message }) =>
        message[2] === 'plugin.StartInstance' &&
        JSON.stringify(message).includes('\\"label\\":\\"b\\"') &&
        // What came while no server was up went nowhere.
        messages.some(
          (it) => it.from === 'server' && it.connection === connection && it.message[1] === message[1],
        ),
    )
    expect(started).to.have.length(2)
  })

  it('gone for good: proxied where an instance existed, 500 where one is needed', async () => {
    await plugin.server.close()
    expect(await status('/b')).to.equal(200)
    expect(await status('/c')).to.equal(500)
  })
})
