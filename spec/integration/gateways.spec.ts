import { expect } from 'chai'
import { chat } from '../support/client.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

describe('Several gateways, one Redis', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(
      (webhook) => ({
        alert_threshold: 100,
        alert_webhook: webhook,
        webhook: { allow_private_networks: true },
      }),
      { gateways: 2 },
    )
  })

  after(() => scene?.stop())

  it('two plugin servers count together and fire one alert', async () => {
    scene.reset()
    const key = scene.newKey()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => chat(scene.gateways[i % 2] ?? scene.gateway, key)),
    )
    expect(answers.map(({ status }) => status)).to.deep.equal(new Array(40).fill(200))
    expect(await scene.total(key)).to.equal(400)
    await until('the alert', () => scene.receiver.received.length > 0)
    // A marker through each gateway: whatever else they had to send has been sent before.
    for (const gateway of scene.gateways) {
      const marker = scene.newKey()
      scene.upstream.tokens = 100
      await chat(gateway, marker)
      await until('the marker', () =>
        scene.receiver.received.some(({ body }) => body.includes(`"${marker}"`)),
      )
    }
    expect(scene.receiver.received.filter(({ body }) => body.includes(`"${key}"`))).to.have.length(1)
  })

  it('a plugin server that is killed is followed by one that goes on counting', async () => {
    scene.reset()
    const key = scene.newKey()
    await chat(scene.gateway, key)
    const pid = await scene.gateway.pluginServerPid()
    process.kill(pid, 'SIGKILL')
    await until('the next plugin server', async () => {
      const now = await scene.gateway.pluginServerPid()
      return now !== 0 && now !== pid
    })
    // Until Kong has made its instances anew a request may pass uncounted (fail-open) or get 500.
    await until('counting', async () => {
      const before = await scene.total(key)
      await chat(scene.gateway, key)
      return (await scene.total(key)) > before
    })
    const before = await scene.total(key)
    await chat(scene.gateway, key)
    expect(await scene.total(key)).to.equal(before + 10)
  })
})
