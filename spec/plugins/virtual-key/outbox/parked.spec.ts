import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import type { AlertRecord } from '../../../../plugins/virtual-key/outbox/alert-record.ts'
import { ack, claim } from '../../../../plugins/virtual-key/outbox/claim.ts'
import { parkedEntry, wake } from '../../../../plugins/virtual-key/outbox/parked.ts'
import { DISPATCHERS, outboxNames } from '../../../../plugins/virtual-key/redis/names.ts'
import { connected } from '../../../support/connection.ts'

const PARTITION = 3
const CONFIGURATION = 'plugin-0'
const RECORD: AlertRecord = {
  keyId: 'vk-abc',
  configuration: CONFIGURATION,
  url: 'https://alerts.example.com/hook',
  timeout: 1000,
  allowPrivateNetworks: false,
  format: 'json',
  attempts: [],
  payload: '{}',
}

describe('Parked alerts', () => {
  it('each is later than the one before, within a millisecond and after a clock that was ahead, so that no look misses it', async () => {
    const server = await PrivateRedis.start()
    const { redis } = await connected(server.port)
    try {
      const { outbox, alerts, parked } = outboxNames(PARTITION)
      const ids = ['one', 'two', 'three']
      for (const id of ids) {
        await redis.xadd(outbox, '*', 'id', id)
        await redis.hset(alerts, id, JSON.stringify(RECORD))
      }
      await redis.xgroup('CREATE', outbox, DISPATCHERS, '0')
      const { claims } = await claim(redis, PARTITION, 'me', 0, 10)
      const ahead = Date.now() + 1_000_000
      await redis.zadd(parked, ahead, parkedEntry('earlier', CONFIGURATION, ''))
      let mark = String(ahead)
      for (const one of claims) {
        const entry = parkedEntry(one.id, CONFIGURATION, '')
        await ack(redis, 'me', one, { state: 'parked', delay: 60_000, reason: 'no' }, { parkedEntry: entry })
        const score = await redis.zscore(parked, entry)
        expect(Number(score)).to.be.above(Number(mark))
        expect(await wake(redis, PARTITION, mark, () => true)).to.equal(1)
        await redis.zadd(parked, Number(score), entry)
        mark = String(score)
      }
      expect(claims).to.have.length(ids.length)
    } finally {
      redis.disconnect()
      await server.stop()
    }
  })
})
