import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { MOST_PENDING, PendingReleases } from '../../../../plugins/virtual-key/admission/pending-releases.ts'
import { reservationOf } from '../../../../plugins/virtual-key/admission/reserve.ts'
import { connected } from '../../../support/connection.ts'
import { until } from '../../../support/until.ts'

describe('PendingReleases', () => {
  it('remembers so many and no more, gives them back when Redis is there, and forgets them', async () => {
    const server = await PrivateRedis.start()
    const { redis } = await connected(server.port)
    try {
      const pending = new PendingReleases(redis)
      await server.halt()
      await until('the loss of Redis', () => redis.status !== 'ready')
      for (let i = 0; i < MOST_PENDING + 50; i++) pending.add(`key-${i % 7}`, reservationOf(`r-${i}`, 5))
      expect(pending.size).to.equal(MOST_PENDING)
      await server.resume()
      await until('the end of it', () => pending.size === 0)
    } finally {
      redis.disconnect()
      await server.stop()
    }
  })
})
