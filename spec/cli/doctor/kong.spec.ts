import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { AdminApi } from '../../../cli/provisioning/admin-api.ts'
import type { StoreOptions } from '../../../dev/gateway/entity-store.ts'
import { PrivateRedis } from '../../../dev/redis.ts'
import { tapLua } from '../../../plugins/virtual-key/metering/tap/lua.ts'
import { AdminApiDouble, INSTALLED } from '../../support/admin-api.ts'
import { httpServer } from '../../support/http-server.ts'
import { doctor, told, type Visit } from './doctor.ts'

const TAP = Object.fromEntries(Object.entries(tapLua).map(([phase, text]) => [phase, [text]]))

describe('vk doctor on Kong', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let kong: AdminApiDouble
  let api: AdminApi

  before(async () => {
    redis = await PrivateRedis.start()
  })

  beforeEach(() => begin(INSTALLED))

  afterEach(() => kong.stop())

  after(() => redis.stop())

  async function begin(plugins: StoreOptions['plugins']): Promise<void> {
    kong = await AdminApiDouble.start({ plugins })
    api = new AdminApi({ url: kong.url, tokenHeader: 'Kong-Admin-Token' })
  }

  async function beginAgain(plugins: StoreOptions['plugins']): Promise<void> {
    await kong.stop()
    await begin(plugins)
  }

  const visit = (...args: string[]): Promise<Visit> =>
    doctor({ REDIS_URL: redis.url, KONG_ADMIN_URL: kong.url }, ...args)
  const route = async (name: string) => {
    await api.send('PUT', '/services/openai', { host: '127.0.0.1' })
    await api.send('POST', '/services/openai/routes', { name, paths: [`/${name}`] })
  }
  const plugin = (at: string, name: string, config = {}, own = {}) =>
    api.send('POST', `${at}/plugins`, { name, config, ...own })
  const virtualKey = (at: string, config = {}, own = {}) =>
    plugin(at, 'virtual-key', { redis: { host: '127.0.0.1', port: redis.port }, ...config }, own)

  it('finds nothing to complain of where all is right', async () => {
    await route('chat')
    await api.send('PUT', '/consumers/vk-abc', {})
    await plugin('/services/openai', 'key-auth', { hide_credentials: true })
    await virtualKey('/routes/chat', { body: 'tapped', require_key: true })
    await virtualKey('/consumers/vk-abc', { body: 'tapped' })
    await plugin('/routes/chat', 'post-function', TAP)
    const found = await visit()
    expect(found.code).to.equal(0)
    expect(told(found, 'admin-api')).to.equal('ok: Kong 3.9.3')
    expect(told(found, 'plugin')).to.equal('ok: installed, with the fields of this version')
    expect(told(found, 'enabled')).to.match(
      /^ok: on (route chat, consumer vk-abc|consumer vk-abc, route chat)$/,
    )
    expect(told(found, 'authentication')).to.match(/^ok: key-auth: /)
    expect(found.of('authentication')[0]).not.to.have.property('advice')
    expect(told(found, 'tap')).to.match(/^ok: on route chat/)
    expect(told(found, 'same-redis')).to.equal(`ok: every configuration uses 127.0.0.1:${redis.port}`)
    expect(told(found, 'webhooks')).to.match(/^skipped: no webhook is named/)
  })

  it('sees configurations that the plugin refuses, and does not take a reference for what it stands for', async () => {
    for (const name of ['percents', 'secret', 'vault', 'off']) await route(name)
    await virtualKey('/routes/percents', { alert_percents: [50] })
    await virtualKey('/routes/secret', { webhook: { secrets: ['whsec_AAAA'] } })
    await virtualKey('/routes/vault', {
      alert_webhook: '{vault://env/webhook-url}',
      webhook: { secrets: ['{vault://env/webhook-secret}'] },
    })
    await virtualKey('/routes/off', { alert_percents: [50] }, { enabled: false })
    const found = await visit()
    expect(found.code).to.equal(1)
    const refused = found.of('enabled').flatMap(({ state, finding }) => (state === 'fail' ? [finding] : []))
    expect(refused).to.have.length(2)
    expect(refused.join('\n')).to.match(
      /on route percents, virtual-key: config\.alert_percents: \[50\] needs a token_budget.*: its requests get 500/,
    )
    expect(refused.join('\n')).to.match(/on route secret, virtual-key: config\.webhook\.secrets\[0\]: /)
    expect(found.text).not.to.include('whsec_AAAA')
  })

  it('sees taps that are absent or another version’s, routes without key-auth, and another Redis', async () => {
    for (const name of ['bare', 'old', 'open']) await route(name)
    for (const name of ['bare', 'old']) await plugin(`/routes/${name}`, 'key-auth')
    await virtualKey('/services/openai', { body: 'tapped' })
    await virtualKey('/routes/open', { redis: { host: 'redis.internal', database: 2 } })
    await virtualKey('', {}, { enabled: false })
    await plugin('/routes/old', 'post-function', { ...TAP, log: [`${tapLua.log}-- before`] })
    const found = await visit()
    expect(found.code).to.equal(1)
    expect(told(found, 'enabled')).to.match(/^ok: on .*; warn: switched off on everywhere$/)
    expect(told(found, 'tap')).to.equal(
      'fail: the tap on route old (service openai) is that of another version: nothing is counted there; ' +
        'warn: no tap on route bare (service openai): answers are counted, but buffered',
    )
    expect(told(found, 'authentication')).to.equal(
      'fail: nobody authenticates on route open: nothing is counted; ok: key-auth: service openai',
    )
    expect(found.of('authentication')[1]?.advice).to.include('hide_credentials')
    expect(told(found, 'same-redis')).to.match(
      /^warn: route open: keeps its totals in redis\.internal:6379, database 2/,
    )
  })

  it('needs the schema as soon as a configuration reads the registry', async () => {
    await route('chat')
    await plugin('/routes/chat', 'key-auth')
    await virtualKey('/routes/chat', { registry: true })
    const found = await visit()
    expect([found.code, told(found, 'schema')]).to.deep.equal([
      1,
      'fail: schema 0, this version needs 2, and a configuration has registry: true',
    ])
  })

  it('sees that the plugin is not there, or an older one', async () => {
    const { 'virtual-key': own, ...others } = INSTALLED
    await beginAgain(others)
    const absent = await visit()
    expect([absent.code, told(absent, 'plugin')]).to.deep.equal([
      1,
      'fail: not installed: Kong knows no plugin virtual-key',
    ])
    const { registry: _, reserve: __, ...fields } = own?.fields ?? {}
    await beginAgain({ ...others, 'virtual-key': { version: '0', priority: 900, fields } })
    const older = await visit()
    expect([older.code, told(older, 'plugin')]).to.deep.equal([
      1,
      'fail: Kong runs an older version of the plugin, without registry, reserve',
    ])
  })

  it('goes on where GET / fails, and where there is no database', async () => {
    kong.rootFails = true
    expect(told(await visit(), 'admin-api')).to.equal('warn: it answers, but does not tell its version')
    kong.rootFails = false
    kong.database = 'off'
    expect(told(await visit(), 'admin-api')).to.match(/^ok: Kong 3\.9\.3, without a database/)
  })

  it('shows the token to Kong alone', async () => {
    const found = await doctor({ REDIS_URL: redis.url, KONG_ADMIN_URL: kong.url, KONG_ADMIN_TOKEN: 's3cret' })
    expect(new Set(kong.requests.map(({ headers }) => headers['kong-admin-token']))).to.deep.equal(
      new Set(['s3cret']),
    )
    expect(found.text).not.to.include('s3cret')
  })

  const doors: ReadonlyArray<readonly [string, (response: ServerResponse) => void, string]> = [
    ['refuses', (response) => response.writeHead(401).end('{}'), 'fail: it answers 401'],
    ['hangs', () => undefined, 'fail: no answer within 400 ms'],
  ]
  for (const [name, answer, expected] of doors)
    it(`that ${name} is one finding, and Redis is looked at all the same`, async () => {
      const server = await httpServer((_request, _body, response) => answer(response))
      const found = await doctor({ REDIS_URL: redis.url }, '--admin-url', server.url, '--timeout', '1')
      await server.close()
      expect([found.code, told(found, 'admin-api')]).to.deep.equal([1, expected])
      expect(told(found, 'tap')).to.equal("skipped: Kong's Admin API cannot be used")
      expect(told(found, 'memory')).to.equal('ok: noeviction, no limit')
    })

  it('that hangs in the middle holds up neither the other checks nor the end', async () => {
    const server = await httpServer(({ url }, _body, response) => {
      if (url === '/status') response.writeHead(200, { server: 'kong/3.9.3' }).end('{}')
    })
    const patient = new AdminApi({ url: server.url, tokenHeader: 'x' }).get('/plugins').then(
      () => undefined,
      () => undefined,
    )
    const found = await Promise.race([
      doctor({ REDIS_URL: redis.url }, '--admin-url', server.url, '--timeout', '1'),
      patient,
    ])
    await server.close()
    if (found === undefined) throw new Error('the command waited for as long as a request may take')
    expect(found.code).to.equal(1)
    expect(told(found, 'admin-api')).to.equal('ok: Kong 3.9.3')
    for (const check of ['plugin', 'tap'])
      expect(told(found, check)).to.equal('fail: it could not be looked at within 1 s')
    expect(told(found, 'memory')).to.equal('ok: noeviction, no limit')
  })
})
