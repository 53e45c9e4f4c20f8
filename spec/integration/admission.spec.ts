import { expect } from 'chai'
import { chat } from '../support/client.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

describe('Who may pass', function () {
  this.timeout(120_000)

  let scene: Scene | undefined

  afterEach(async () => {
    await scene?.stop()
    scene = undefined
  })

  it('require_key: a request without a key gets 401 and never reaches the upstream', async () => {
    scene = await Scene.start(() => ({ require_key: true }), { keyAuth: false })
    const { status, body, headers } = await chat(scene.gateway, undefined)
    expect(status).to.equal(401)
    expect(JSON.parse(body)).to.deep.equal({ error: 'missing key' })
    expect(headers['content-type']).to.equal('application/json')
    expect(scene.upstream.requests).to.have.length(0)
  })

  it('without require_key it is proxied, uncounted', async () => {
    scene = await Scene.start(() => ({ alert_threshold: 1 }), { keyAuth: false })
    expect((await chat(scene.gateway, undefined)).status).to.equal(200)
    expect(await scene.client.keys('vk:*:total:*')).to.deep.equal([])
  })

  it('a forged consumer header is no key', async () => {
    scene = await Scene.start(() => ({ require_key: true }), { keyAuth: false })
    const { status } = await chat(scene.gateway, undefined, { headers: { 'x-consumer-username': 'vk-0' } })
    expect(status).to.equal(401)
  })

  it('identify_by header counts for the key that the header names', async () => {
    scene = await Scene.start(() => ({ identify_by: 'header', header_name: 'X-Team', require_key: true }), {
      keyAuth: false,
    })
    expect((await chat(scene.gateway, undefined)).status).to.equal(401)
    expect((await chat(scene.gateway, undefined, { headers: { 'x-team': 'red' } })).status).to.equal(200)
    expect(await scene.total('red')).to.equal(10)
  })

  it('token_budget: at or over it requests get 429, and percents of it fire alerts', async () => {
    scene = await Scene.start((webhook) => ({
      token_budget: 25,
      alert_percents: [50, 100],
      alert_webhook: webhook,
      webhook: { allow_private_networks: true },
    }))
    const key = scene.newKey()
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) statuses.push((await chat(scene.gateway, key)).status)
    expect(statuses).to.deep.equal([200, 200, 200, 429, 429])
    expect(JSON.parse((await chat(scene.gateway, key)).body)).to.deep.equal({
      error: 'token budget exceeded',
    })
    expect(await scene.total(key)).to.equal(30)
    const { receiver } = scene
    await until('three alerts', () => receiver.received.length === 3)
    const alerts = receiver.received.map(({ body }) => JSON.parse(body))
    const thresholds = alerts.map(({ threshold }) => threshold).filter((one) => one !== undefined)
    expect(thresholds.sort()).to.deep.equal([13, 25])
    expect(alerts.map(({ event }) => event)).to.include('token_budget_exceeded')
  })

  it('fault_tolerant: false answers 503 at once while Redis is away, and goes on when it is back', async () => {
    scene = await Scene.start(() => ({ fault_tolerant: false }), { redis: ['--appendonly', 'yes'] })
    const key = scene.newKey()
    expect((await chat(scene.gateway, key)).status).to.equal(200)
    await scene.redis.halt()
    const { gateway, redis } = scene
    await until('503', async () => (await chat(gateway, key)).status === 503)
    const started = performance.now()
    const { status, body } = await chat(gateway, key)
    expect(status).to.equal(503)
    expect(JSON.parse(body)).to.deep.equal({ error: 'token accounting unavailable' })
    expect(performance.now() - started).to.be.below(4000)
    await redis.resume()
    await until('200', async () => (await chat(gateway, key)).status === 200)
  })

  it('fault_tolerant: requests go on while Redis is away, and every token is counted when it is back', async () => {
    scene = await Scene.start(
      (webhook) => ({
        alert_threshold: 100,
        alert_webhook: webhook,
        webhook: { allow_private_networks: true },
      }),
      { redis: ['--appendonly', 'yes', '--appendfsync', 'always'] },
    )
    const { gateway, redis, receiver } = scene
    const key = scene.newKey()
    for (let i = 0; i < 3; i++) expect((await chat(gateway, key)).status).to.equal(200)
    await redis.halt()
    for (let i = 0; i < 10; i++) expect((await chat(gateway, key)).status).to.equal(200)
    await redis.resume()
    const current = scene
    await until('every token', async () => (await current.total(key)) === 130)
    await until('the alert', () => receiver.received.length > 0)
    expect((await chat(gateway, key)).status).to.equal(200)
    expect(await current.total(key)).to.equal(140)
    expect(receiver.ids.size).to.equal(1)
  })
})
