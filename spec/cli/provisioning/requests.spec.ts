import { expect } from 'chai'
import { request } from 'undici'
import { Provisioning } from '../../support/provisioning.ts'
import { until } from '../../support/until.ts'
import { Upstream } from '../../support/upstream.ts'

const PROXY = process.env.KONG_PROXY_URL

/** Only a real Kong can tell: with KONG_ADMIN_URL and KONG_PROXY_URL, and the plugin of this folder in it. */
describe('keys that vk makes, at a real Kong', function () {
  this.timeout(120_000)

  let on: Provisioning
  let upstream: Upstream

  before(async function () {
    if (process.env.KONG_ADMIN_URL === undefined || PROXY === undefined) this.skip()
    on = await Provisioning.start()
    upstream = await Upstream.start()
  })
  after(async () => {
    await on?.stop()
    await upstream?.stop()
  })

  it('work, are limited, are rotated, and work no longer when they are deleted', async () => {
    const { name } = await on.kong.newService(upstream.port)
    const id = on.kong.newName()
    const status = async (key: string) => {
      const { statusCode, body } = await request(`${PROXY}/${name}/chat/completions`, {
        method: 'POST',
        headers: { apikey: key, 'content-type': 'application/json' },
        body: '{}',
      })
      await body.dump()
      return statusCode
    }
    // Kong's workers hear of changes with a delay.
    const answers = (wanted: number, key: string) =>
      until(`a ${wanted}`, async () => (await status(key)) === wanted)

    await on.json('plugin', 'enable', '--route', name, '--set', `redis.port=${on.redisPort}`)
    await answers(401, 'nobody')
    const args = ['keys', 'create', id, '--service', name, '--alert-threshold', '100000']
    const { key = '' } = await on.json(...args)
    await answers(200, key)
    const { key: fresh = '' } = await on.json('keys', 'rotate', id, '--overlap', '5s')
    await answers(200, fresh)
    await until('both keys at work', async () => (await status(key)) === 200 && (await status(fresh)) === 200)
    await answers(401, key)
    await answers(200, fresh)
    await on.json(...args, '--rate-limit', '2')
    await answers(429, fresh)
    await on.json('keys', 'delete', id, '--no-registry', '--yes')
    await answers(401, fresh)
    expect(Number(await on.redis.get((await on.redis.keys(`vk:*total:${id}:total`))[0] ?? ''))).to.be.above(0)
  })
})
