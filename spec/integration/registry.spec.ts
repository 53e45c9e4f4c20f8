import { expect } from 'chai'
import { request } from 'undici'
import { windowAt } from '../../plugins/virtual-key/policy/window.ts'
import { schemaName, totalName } from '../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION } from '../../plugins/virtual-key/redis/schema-version.ts'
import { chat } from '../support/client.ts'
import { Receiver } from '../support/receiver.ts'
import { Registry } from '../support/registry.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

describe('The registry of keys', function () {
  this.timeout(120_000)

  let scene: Scene
  let registry: Registry

  before(async () => {
    const config = { registry: true, require_key: true, webhook: { allow_private_networks: true } }
    scene = await Scene.start(() => config, {
      redis: ['--appendonly', 'yes', '--appendfsync', 'always'],
      gateways: 2,
      tap: false,
      routes: () => ({
        tapped: { config: { ...config, body: 'tapped' }, tap: true },
        open: { config: { ...config, require_key: false } },
        closed: { config: { ...config, fault_tolerant: false } },
      }),
    })
    registry = await Registry.open(scene.redis.port)
  })

  beforeEach(() => scene.reset())

  after(async () => {
    registry?.close()
    await scene?.stop()
  })

  /** Status and error of one chat request. */
  const ask = async (key: string, gateway = scene.gateway): Promise<[number, string]> => {
    const { status, body } = await chat(gateway, key)
    return [status, status === 200 ? '' : JSON.parse(body).error]
  }
  const send = async (
    path: string,
    key: string,
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' = 'POST',
  ) => {
    const { statusCode, body } = await request(`${scene.gateway.url}${path}`, {
      method,
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: '{"messages":[]}' } : {}),
    })
    return { status: statusCode, body: await body.text() }
  }

  it('an unknown key gets 401 and never reaches the upstream', async () => {
    expect(await ask(scene.newKey())).to.deep.equal([401, 'invalid key'])
    expect(scene.upstream.requests).to.have.length(0)
  })

  it('an unknown key passes where require_key does not ask for one, and is counted', async () => {
    const key = scene.newKey()
    expect((await send('/open/chat', key)).status).to.equal(200)
    expect(await scene.total(key)).to.equal(10)
  })

  it('every change holds from the next request, on every gateway', async () => {
    const key = scene.newKey()
    const [first, second] = scene.gateways
    await registry.set(key, {})
    expect(await ask(key, first)).to.deep.equal([200, ''])
    await registry.set(key, { disabled: true })
    for (const gateway of [first, second])
      expect(await ask(key, gateway)).to.deep.equal([403, 'key disabled'])
    await registry.set(key, { disabled: undefined, expires_at: Date.now() - 1 })
    for (const gateway of [first, second]) expect(await ask(key, gateway)).to.deep.equal([401, 'key expired'])
    await registry.set(key, { expires_at: undefined })
    expect(await ask(key, second)).to.deep.equal([200, ''])
    await registry.reset(key, { remove: true })
    expect(await ask(key, first)).to.deep.equal([401, 'invalid key'])
  })

  it('a one-shot key passes once, also among 50 first requests over two gateways', async () => {
    const key = scene.newKey()
    await registry.set(key, { one_shot: true })
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => ask(key, scene.gateways[i % scene.gateways.length])),
    )
    expect(answers.filter(([status]) => status === 200)).to.have.length(1)
    expect(answers.filter(([, error]) => error === 'key already used')).to.have.length(49)
    expect(scene.upstream.requests).to.have.length(1)
    expect(await ask(key)).to.deep.equal([401, 'key already used'])
  })

  it('scope read: GET and HEAD pass, everything else gets 403', async () => {
    const key = scene.newKey()
    await registry.set(key, { scope: 'read' })
    expect(await ask(key)).to.deep.equal([403, 'insufficient scope'])
    for (const method of ['DELETE', 'PUT', 'OPTIONS'] as const)
      expect((await send('/v1/models', key, method)).status).to.equal(403)
    expect(scene.upstream.requests).to.have.length(0)
    expect((await send('/v1/models', key, 'GET')).status).to.equal(200)
    expect((await send('/v1/models', key, 'HEAD')).status).to.equal(200)
    await registry.set(key, { scope: 'all' })
    expect(await ask(key)).to.deep.equal([200, ''])
  })

  for (const [mode, path] of Object.entries({ buffered: '/v1/chat', tapped: '/tapped/chat' })) {
    it(`${mode}: threshold, window and webhook of the record decide where a crossing is counted and told`, async () => {
      const receiver = await Receiver.start()
      const key = scene.newKey()
      await registry.set(key, { alert_threshold: 15, window: 'day', alert_webhook: `${receiver.url}/${key}` })
      const total = async () =>
        Number(await scene.client.get(totalName(key, windowAt('day', Date.now()).label)))
      expect((await send(path, key)).status).to.equal(200)
      await until('the first tokens', async () => (await total()) === 10)
      expect((await send(path, key)).status).to.equal(200)
      const [alert] = await until('the alert', () => receiver.received.length > 0 && receiver.received)
      expect(JSON.parse(alert?.body ?? '')).to.include({ key_id: key, threshold: 15, total_tokens: 20 })
      expect(alert?.path).to.equal(`/alerts/${key}`)
      expect(scene.receiver.received).to.have.length(0)
      expect(await scene.total(key)).to.equal(0)
      await receiver.stop()
    })
  }

  it('a schema that is newer than the plugin knows is refused: open or closed, and loudly', async () => {
    const key = scene.newKey()
    await registry.set(key, { disabled: true })
    const all = Array.from({ length: 16 }, (_, p) => schemaName(p))
    for (const schema of all) await scene.client.hset(schema, 'version', SCHEMA_VERSION + 1)
    expect(await ask(key)).to.deep.equal([200, ''])
    const closed = await send('/closed/chat', key)
    expect(closed).to.deep.equal({ status: 503, body: '{"error":"token accounting unavailable"}' })
    expect(scene.gateway.log()).to.match(
      /\[err(or)?\].*unchecked: .*newer than \d+, the newest that this version knows/,
    )
    for (const schema of all) await scene.client.hset(schema, 'version', SCHEMA_VERSION)
    expect(await ask(key)).to.deep.equal([403, 'key disabled'])
    await until('the tokens that waited', async () => (await scene.total(key)) === 10)
  })

  it('while Redis is away nobody can be asked: a disabled key passes, or nobody does', async () => {
    const key = scene.newKey()
    await registry.set(key, { disabled: true })
    expect(await ask(key)).to.deep.equal([403, 'key disabled'])
    await scene.redis.halt()
    await until('an open gate', async () => (await ask(key))[0] === 200)
    const closed = await send('/closed/chat', key)
    expect(closed).to.deep.equal({ status: 503, body: '{"error":"token accounting unavailable"}' })
    await scene.redis.resume()
    await until('the registry', async () => (await ask(key))[0] === 403)
  })
})
