import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { totalName } from '../../../../plugins/virtual-key/redis/names.ts'
import { exchange, newInstance } from '../../../support/exchange.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import { until } from '../../../support/until.ts'

describe('Configurations and their Redis', () => {
  let redis: PrivateRedis
  let client: Redis
  let server: PluginProcess

  beforeEach(async () => {
    redis = await PrivateRedis.start()
    client = new Redis(redis.port)
    server = await PluginProcess.start()
  })

  afterEach(async () => {
    await server.stop()
    client.disconnect()
    await redis.stop()
  })

  const address = (other: object) => ({
    redis: {
      host: '127.0.0.1',
      port: redis.port,
      database: 0,
      ssl: false,
      ssl_verify: false,
      timeout: 2000,
      ...other,
    },
  })
  const total = async () => Number(await client.get(totalName('vk-abc', 'total')))

  it('two that name one Redis in different words count all that both settle', async () => {
    const wire = await server.connect()
    const one = await newInstance(wire, redis.port, { __plugin_id: 'one', ...address({}) })
    const two = await newInstance(wire, redis.port, { __plugin_id: 'two', ...address({ timeout: 3000 }) })
    for (let i = 0; i < 6; i++) {
      await exchange(wire, one, 'settled')
      await exchange(wire, two, 'settled')
    }
    expect(await total()).to.equal(120)
  })

  it('a database that Redis does not have is not silently another one', async () => {
    const wire = await server.connect()
    const instance = await newInstance(wire, redis.port, address({ database: 99 }))
    await exchange(wire, instance, 'settled')
    await until('the error', () => server.output.includes('is not used'))
    expect(await client.dbsize()).to.equal(0)
    expect(await client.get(totalName('vk-abc', 'total'))).to.equal(null)
  })
})
