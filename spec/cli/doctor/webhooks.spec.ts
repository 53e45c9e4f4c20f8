import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { AdminApi } from '../../../cli/provisioning/admin-api.ts'
import { freePort } from '../../../dev/free-port.ts'
import { PrivateRedis } from '../../../dev/redis.ts'
import { requeue } from '../../../plugins/virtual-key/outbox/operator-view.ts'
import { partitionOf } from '../../../plugins/virtual-key/redis/names.ts'
import { writeKey } from '../../../plugins/virtual-key/registry/write.ts'
import type { KeySettings } from '../../../schema/key.ts'
import { AdminApiDouble } from '../../support/admin-api.ts'
import { type Connected, connected } from '../../support/connection.ts'
import { type HttpServer, httpServer } from '../../support/http-server.ts'
import { Receiver } from '../../support/receiver.ts'
import { doctor, told } from './doctor.ts'

const SECRET = `whsec_${randomBytes(32).toString('base64')}`

describe('vk doctor on webhooks', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let connection: Connected
  let kong: AdminApiDouble
  let receiver: Receiver
  /** Method and path of what was asked. */
  let asked: string[]
  let server: HttpServer
  let env: Record<string, string>

  before(async () => {
    redis = await PrivateRedis.start()
    connection = await connected(redis.port)
  })

  beforeEach(async () => {
    await connection.redis.flushall()
    kong = await AdminApiDouble.start()
    receiver = await Receiver.start()
    asked = []
    server = await httpServer(({ method, url }, _body, response) => {
      asked.push(`${method} ${url}`)
      if (url?.startsWith('/hangs')) return
      response.writeHead(url?.startsWith('/moved') ? 302 : 405, { location: receiver.url }).end()
    })
    env = { REDIS_URL: redis.url, KONG_ADMIN_URL: kong.url }
  })

  afterEach(async () => {
    await kong.stop()
    await receiver.stop()
    await server.close()
  })

  after(async () => {
    connection.link.redis.disconnect()
    await redis.stop()
  })

  /** A configuration on a route of its own. */
  const configured = async (name: string, url: string, webhook = {}, own = {}) => {
    const api = new AdminApi({ url: kong.url, tokenHeader: 'x' })
    await api.send('PUT', `/routes/${name}`, { paths: [`/${name}`] })
    return api.send<{ id: string }>('POST', `/routes/${name}/plugins`, {
      name: 'virtual-key',
      config: {
        redis: { host: '127.0.0.1', port: redis.port },
        alert_webhook: url,
        webhook: { allow_private_networks: true, ...webhook },
        ...own,
      },
    })
  }
  const registered = async (settings: Readonly<Record<string, KeySettings>>) => {
    for (let p = 0; p < 16; p++) await connection.redis.hset(`vk:{${p}}:schema`, 'version', 2)
    for (const [id, own] of Object.entries(settings))
      await writeKey(connection.link.redis, id, own, 'create', 1)
  }

  it('asks each once whether it is there, by HEAD, within the guard', async () => {
    const { host } = new URL(server.url)
    await configured('a', `http://me:p4ss@${host}/T0KEN`)
    await configured('b', `http://me:p4ss@${host}/T0KEN`)
    await configured('moved', `${server.url}/moved`)
    await configured('hangs', `${server.url}/hangs`)
    await configured('gone', `http://127.0.0.1:${await freePort()}/`)
    await configured('guarded', `${server.url}/guarded`, { allow_private_networks: false })
    await configured('named', `http://localhost:${server.port}/named`, { allow_private_networks: false })
    await configured('nowhere', 'http://no-such-host.invalid/')
    const found = await doctor(env, '--timeout', '2')
    expect(found.code).to.equal(1)
    const lines = found.of('webhooks').map(({ state, finding }) => `${state}: ${finding}`)
    const line = (part: string) => lines.find((one) => one.includes(part))
    expect(line('(route a, route b)') ?? line('(route b, route a)')).to.match(
      /^ok: http:\/\/127\.0\.0\.1:\d+ \(.*\): reachable, answers 405 to HEAD$/,
    )
    expect(line('(route moved)')).to.match(/^ok: .* answers 302/)
    expect(line('(route hangs)')).to.match(/^fail: .*no answer within 800 ms$/)
    expect(line('(route gone)')).to.match(/^fail: .*ECONNREFUSED/)
    expect(line('(route guarded)')).to.match(/^fail: .*refused: 127\.0\.0\.1 is a private address$/)
    expect(line('(route nowhere)')).to.match(/^fail: /)
    expect(line('(route named)')).to.match(/^fail: http:\/\/localhost:\d+ .*refused: /)
    expect(lines).to.have.length(7)
    expect(asked.sort()).to.deep.equal(['HEAD /T0KEN', 'HEAD /hangs', 'HEAD /moved'])
    expect(receiver.received).to.have.length(0)
    expect(found.text).not.to.match(/p4ss|T0KEN/)
  })

  it('does not say that none is named where the registry could not be asked', async () => {
    const away = { ...env, REDIS_URL: `redis://127.0.0.1:${await freePort()}` }
    expect(told(await doctor(away), 'webhooks')).to.match(/^skipped: .*Redis could not be asked$/)
  })

  it('leaves vault references to Kong', async () => {
    await configured('vault', 'https://placeholder.example.com')
    const [entity] = kong.entities('plugins')
    await new AdminApi({ url: kong.url, tokenHeader: 'x' }).send('PATCH', `/plugins/${entity?.id}`, {
      config: { alert_webhook: '{vault://env/webhook}' },
    })
    expect(told(await doctor(env), 'webhooks')).to.match(/^skipped: a vault reference \(route vault\)/)
  })

  it('calls those of registered keys as the configuration that reads the registry would', async () => {
    await registered({ one: { alert_webhook: `${server.url}/one` }, two: {} })
    const unknown = await doctor({ REDIS_URL: redis.url })
    expect(told(unknown, 'webhooks')).to.match(/^skipped: .*\(registered keys\): .*is not known here$/)
    await configured('chat', `${server.url}/one`, {}, { registry: true })
    expect(told(await doctor(env), 'webhooks')).to.match(/^ok: .*\(route chat, registered keys\): reachable/)
    expect(asked).to.deep.equal(['HEAD /one'])
  })

  it('calls the webhook to which an operator has sent an alert, not the one where it was before', async () => {
    const record = {
      keyId: 'vk-abc',
      configuration: 'chat',
      url: `${server.url}/before`,
      override: `${server.url}/now`,
      timeout: 5000,
      allowPrivateNetworks: true,
      format: 'json' as const,
      attempts: [],
      payload: '{}',
    }
    await requeue(connection.link.redis, partitionOf('vk-abc'), 'vk_1', record, { state: 'none' })
    expect(told(await doctor(env), 'webhooks')).to.match(/^ok: .*\(waiting alerts\): reachable/)
    expect(asked).to.deep.equal(['HEAD /now'])
  })

  it('calls no more than 50, and says so', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `key-${i}`)
    await configured('chat', `${server.url}/chat`, {}, { registry: true })
    await registered(
      Object.fromEntries(names.map((name) => [name, { alert_webhook: `${server.url}/${name}` }])),
    )
    const found = await doctor(env)
    expect(asked).to.have.length(50)
    expect(told(found, 'webhooks')).to.match(/; skipped: 11 more webhooks were not called$/)
  })

  it('sends a test with --send, signed as that configuration signs', async () => {
    const other = `whsec_${randomBytes(32).toString('base64')}`
    const signed = { secrets: ['whsec_c2FtcGxlIHNlY3JldCwgbm90IGZvciBwcm9kdWN0aW9u'] }
    const { id } = await configured('own', `${receiver.url}/own`, signed)
    await configured('common', `${receiver.url}/common`, { ...signed, format: 'slack' })
    await configured('plain', `${receiver.url}/plain`)
    const found = await doctor({ ...env, VIRTUAL_KEY_SECRETS: `${SECRET},${id} ${other}` }, '--send')
    expect(found.of('webhooks').map(({ state }) => state)).to.deep.equal(['ok', 'ok', 'ok'])
    const got = (path: string) => receiver.received.find((one) => one.path === `/alerts/${path}`)
    const verify = (path: string, secret: string) =>
      new Webhook(secret).verify(got(path)?.body ?? '', got(path)?.headers as Record<string, string>)
    expect(verify('own', other)).to.include({ event: 'test', key_id: 'vk-doctor' })
    expect(verify('common', SECRET)).to.have.property('text').that.includes('test')
    expect(got('plain')?.headers).not.to.have.property('webhook-signature')
    expect(found.text).not.to.include(SECRET.slice(6)).and.not.to.include(other.slice(6))
  })

  it('sends nothing unsigned that has to be signed, and takes no answer but 2xx', async () => {
    const signed = { secrets: ['whsec_c2FtcGxlIHNlY3JldCwgbm90IGZvciBwcm9kdWN0aW9u'] }
    await configured('signed', `${receiver.url}/signed`, signed)
    await configured('broken', `${receiver.url}/broken`)
    receiver.answer = (response) => response.writeHead(500).end('broken')
    const found = await doctor(env, '--send')
    expect(found.code).to.equal(1)
    expect(told(found, 'webhooks')).to.include('(route signed): no signing secret here')
    expect(told(found, 'webhooks')).to.match(/fail: .*\(route broken\): answers 500 to a test: broken/)
    expect(receiver.received.map(({ path }) => path)).to.deep.equal(['/alerts/broken'])
    expect(found.text).not.to.include('c2FtcGxl')
  })
})
