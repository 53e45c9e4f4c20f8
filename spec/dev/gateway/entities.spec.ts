import { join } from 'node:path'
import { expect } from 'chai'
import { AdminApi } from '../../../dev/gateway/admin-api.ts'
import { loadDeclaration } from '../../../dev/gateway/declarative.ts'
import { EntityStore } from '../../../dev/gateway/entity-store.ts'
import type { Values } from '../../../dev/gateway/validation.ts'
import { INSTALLED } from '../../support/admin-api.ts'
import { ask } from './support/client.ts'
import { FIXTURES, gatewayWith, startPlugin, startUpstream } from './support/stack.ts'

/** What Kong 3.9 answers, by its entity schemas, in words that both ways of configuring it share. */
const REFUSED: ReadonlyArray<readonly [collection: string, entity: Values, problem: string]> = [
  ['services', { host: 'a', port: 65_536 }, 'port: value should be between 0 and 65535'],
  ['services', { host: 'a', path: 'v1' }, 'path: should start with: /'],
  ['services', { host: 'a', protocol: 'ftp' }, 'protocol: expected one of: grpc, grpcs, http, https,'],
  [
    'services',
    { host: 'a', connect_timeout: 0 },
    'connect_timeout: value should be between 1 and 2147483646',
  ],
  ['services', {}, 'host: required field missing'],
  ['routes', { name: 'a' }, "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when"],
  ['routes', { paths: ['v1'] }, 'should start with: / (fixed path) or ~/ (regex path)'],
  ['routes', { methods: ['post'] }, 'invalid value: post'],
  ['consumers', { tags: ['a'] }, "at least one of these fields must be non-empty: 'custom_id', 'username'"],
  ['plugins', { name: 'key-auth', consumer: { username: 'alice' } }, 'consumer: value must be null'],
  ['plugins', { name: 'rate-limiting' }, "at least one of these fields must be non-empty: 'config.second'"],
  [
    'plugins',
    { name: 'rate-limiting', config: { minute: 0 } },
    'config.minute: value must be greater than 0',
  ],
]

describe("Kong's entities, by kong.yml and by the Admin API", () => {
  const store = () => new EntityStore({ plugins: INSTALLED })
  const byFile = (collection: string, entity: Values) => {
    const made = store()
    const alice = { username: 'alice' }
    const rest = collection === 'consumers' ? [alice] : []
    const file = { _format_version: '3.0', consumers: [alice], [collection]: [...rest, entity] }
    loadDeclaration(JSON.stringify(file), made)
    return made
  }
  const byApi = (collection: string, entity: Values) => {
    const made = store()
    made.create('consumers', { username: 'alice' })
    return new AdminApi(made).answer({ method: 'POST', path: `/${collection}`, body: entity })
  }

  for (const [collection, entity, problem] of REFUSED) {
    it(`both refuse ${collection} ${JSON.stringify(entity)}`, () => {
      expect(() => byFile(collection, entity)).to.throw(problem)
      const { status, body } = byApi(collection, entity)
      expect(status).to.equal(400)
      expect((body as { message: string }).message).to.contain(problem.replace(/^\w+\[1\]: /, ''))
    })
  }

  it('both put an https service on port 443', () => {
    const entity = { name: 'a', url: 'https://api.example.com/v1' }
    const wanted = { protocol: 'https', host: 'api.example.com', port: 443, path: '/v1', name: 'a' }
    expect(byFile('services', entity).find('services', 'a')).to.include(wanted)
    expect(byApi('services', entity).body).to.include(wanted)
  })

  it('a file that is refused changes nothing', () => {
    const made = byFile('consumers', { username: 'bob' })
    const file = '_format_version: "3.0"\nconsumers: [{ username: carol }, { username: carol }]'
    expect(() => loadDeclaration(file, made)).to.throw(`UNIQUE violation detected on '{username="carol"}'`)
    expect(made.all('consumers').map(({ username }) => username)).to.have.members(['alice', 'bob'])
  })

  it('a credential works until its time is over', () => {
    let now = 1_795_451_275_000
    const made = new EntityStore({ plugins: INSTALLED, clock: () => now })
    const { id } = made.create('consumers', { username: 'alice' })
    made.create('keyauth_credentials', { key: 'secret', consumer: { id }, ttl: 10 })
    now += 9999
    expect(made.find('keyauth_credentials', 'secret')).to.include({ ttl: 0 })
    now += 1
    expect(made.find('keyauth_credentials', 'secret')).to.equal(undefined)
  })
})

describe('development gateway: changes while it runs', () => {
  it('take effect with the next request, and a changed configuration gets a plugin instance of its own', async () => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const plugin = await startPlugin(join(FIXTURES, 'script.js'))
    const service = {
      name: 'llm',
      url: `http://127.0.0.1:${upstream.port}`,
      routes: [{ paths: ['/'], plugins: [{ name: 'key-auth' }] }],
    }
    const gateway = await gatewayWith({ services: [service], plugins: [{ name: 'script' }] }, plugin)
    const api = new AdminApi(gateway.entities)
    const send = (method: string, path: string, body: Values) => {
      const { status } = api.answer({ method, path, body })
      expect(status, path).to.be.within(200, 299)
    }
    const statusWith = async (apikey: string) => (await ask(gateway.url, { headers: { apikey } })).status
    const calls = (method: string) => plugin.relay.messages.filter(({ message }) => message[2] === method)
    try {
      expect(await statusWith('mine')).to.equal(401)
      send('PUT', '/consumers/alice', {})
      send('POST', '/consumers/alice/key-auth', { key: 'mine' })
      expect(await statusWith('mine')).to.equal(200)
      expect(calls('plugin.StartInstance')).to.have.length(1)

      const [own] = gateway.entities.all('plugins').filter(({ name }) => name === 'script')
      send('PATCH', `/plugins/${own?.id}`, { config: { label: 'other' } })
      expect(await statusWith('mine')).to.equal(200)
      expect(calls('plugin.StartInstance')).to.have.length(2)
      await plugin.relay.until(({ message }) => message[2] === 'plugin.CloseInstance')

      send('DELETE', '/consumers/alice', {})
      expect(await statusWith('mine')).to.equal(401)
      expect(calls('plugin.StartInstance')).to.have.length(2)
    } finally {
      await gateway.close()
      await plugin.close()
      await upstream.close()
    }
  })
})
