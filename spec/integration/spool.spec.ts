import { expect } from 'chai'
import { chat } from '../support/client.ts'
import { isAlive } from '../support/plugin-server-pids.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

const TOKENS = 10
const WAITING = 60

describe('While Redis is away', function () {
  this.timeout(120_000)

  let scene: Scene

  beforeEach(async () => {
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
    scene = await Scene.start(() => ({ alert_threshold: 0 }), { redis: durable })
  })

  afterEach(() => scene?.stop())

  /** What the plugin server has to leave behind, from requests that were all answered. */
  const spendWithoutRedis = async (key: string) => {
    expect((await chat(scene.gateway, key)).status).to.equal(200)
    await until('the first count', async () => (await scene.total(key)) === TOKENS)
    await scene.redis.halt()
    for (let i = 0; i < WAITING; i++) expect((await chat(scene.gateway, key)).status).to.equal(200)
  }

  /** Another key's requests make the instance, with which the process learns which Redis it is about. */
  const settled = async (key: string) => {
    await scene.redis.resume()
    const other = scene.newKey()
    await until(
      'the count',
      async () => (await chat(scene.gateway, other)).status === 200 && (await scene.total(key)) > TOKENS,
      30_000,
    )
    await until('all of it', async () => (await scene.total(key)) >= (WAITING + 1) * TOKENS)
    process.stdout.write(`      ${WAITING} waited, ${(await scene.total(key)) / TOKENS - 1} were settled\n`)
    expect(await scene.total(key)).to.equal((WAITING + 1) * TOKENS)
  }

  it('a plugin server that is killed loses nothing', async () => {
    const key = scene.newKey()
    await spendWithoutRedis(key)
    const pid = await scene.gateway.pluginServerPid()
    process.kill(pid, 'SIGKILL')
    await until('another plugin server', async () => (await scene.gateway.pluginServerPid()) !== pid, 30_000)
    await settled(key)
  })

  it('a reload loses nothing', async () => {
    const key = scene.newKey()
    await spendWithoutRedis(key)
    const pid = await scene.gateway.pluginServerPid()
    await scene.gateway.reload()
    await until('the end of the old plugin server', () => !isAlive(pid), 60_000)
    await settled(key)
  })
})
