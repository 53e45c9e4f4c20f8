import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { outboxNames, partitionOf, totalName } from '../../../../plugins/virtual-key/redis/names.ts'
import { exchange, newInstance } from '../../../support/exchange.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import { Receiver } from '../../../support/receiver.ts'
import { until } from '../../../support/until.ts'

describe('The plugin server, when it is told to stop', () => {
  let redis: PrivateRedis
  let client: Redis
  let receiver: Receiver
  let server: PluginProcess

  beforeEach(async () => {
    redis = await PrivateRedis.start(['--appendonly', 'yes'])
    client = new Redis(redis.port)
    client.on('error', () => undefined)
    receiver = await Receiver.start()
    server = await PluginProcess.start()
  })

  afterEach(async () => {
    await server.stop()
    await receiver.stop()
    client.disconnect()
    await redis.stop()
  })

  const total = async () => Number(await client.get(totalName('vk-abc', 'total')))

  it('lets an attempt in flight end, and takes the alert off', async () => {
    receiver.answer = (response) => setTimeout(() => response.writeHead(204).end(), 500)
    const wire = await server.connect()
    const instance = await newInstance(wire, redis.port, {
      alert_threshold: 10,
      alert_webhook: receiver.url,
      webhook: { timeout: 10_000, allow_private_networks: true },
    })
    await exchange(wire, instance, 'settled')
    await until('the attempt', () => receiver.received.length === 1)
    await server.stop()
    const { alerts, delivered } = outboxNames(partitionOf('vk-abc'))
    expect(await client.hlen(alerts)).to.equal(0)
    expect(await client.xlen(delivered)).to.equal(1)
    expect(server.output).to.contain('delivered=1')
  })

  it('sends usage records that wait for Redis', async () => {
    const wire = await server.connect()
    const instance = await newInstance(wire, redis.port)
    await exchange(wire, instance, 'settled')
    await redis.halt()
    for (let i = 0; i < 3; i++) await exchange(wire, instance, 'settled')
    const stopped = server.stop()
    await redis.resume()
    await stopped
    expect(await until('the total', total)).to.equal(40)
  })

  it('says what it leaves to the next process', async () => {
    const wire = await server.connect()
    const instance = await newInstance(wire, redis.port)
    await exchange(wire, instance, 'settled')
    await redis.halt()
    await exchange(wire, instance, 'settled')
    await server.stop()
    expect(server.output).to.match(
      /usage records that wait in \S+virtual-key for the next process that uses this Redis: 1/,
    )
    expect(server.output).not.to.contain('lost')
  })
})
