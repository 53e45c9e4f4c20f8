import { expect } from 'chai'
import { Lock } from '../../migrations/lock.ts'
import { MIGRATION_SCRIPTS } from '../../migrations/scripts.ts'
import { migrationLockName, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import type { Connected } from '../support/connection.ts'
import { PLACES, type Place } from '../support/place.ts'
import { until } from '../support/until.ts'

/** Long enough for a loaded machine to renew in time. Unit: milliseconds. */
const EXPIRY = 3000

for (const [where, open] of Object.entries(PLACES))
  describe(`The lock of migrations on ${where}`, function () {
    this.timeout(60_000)

    let place: Place
    let connection: Connected

    before(async () => {
      place = await open()
      connection = await place.connect()
      MIGRATION_SCRIPTS.define(connection.redis)
    })

    beforeEach(() => place.flush())

    after(async () => {
      connection.redis.disconnect()
      await place.stop()
    })

    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const tokens = async () =>
      new Set(await Promise.all(partitions.map((partition) => place.plain.get(migrationLockName(partition)))))

    /** Waits for the time that is left to grow. */
    const renewed = async (partition: number) => {
      let least = EXPIRY
      await until(`a renewal in ${partition}`, async () => {
        const left = await place.plain.pttl(migrationLockName(partition))
        const longer = left > least
        least = Math.min(least, left)
        return longer
      })
    }

    it('is one for all partitions, expires, and is given back whole', async () => {
      const lock = await Lock.take(connection.redis, EXPIRY)
      expect(await tokens()).to.deep.equal(new Set([lock?.token]))
      for (const partition of partitions)
        expect(await place.plain.pttl(migrationLockName(partition))).to.be.within(1, EXPIRY)
      expect(await Lock.take(connection.redis, EXPIRY)).to.equal(undefined)
      await lock?.release()
      expect(await place.names()).to.deep.equal([])
    })

    it('is renewed in every partition while its owner lives', async () => {
      const lock = await Lock.take(connection.redis, EXPIRY)
      await Promise.all(partitions.map(renewed))
      await lock?.release()
    })

    it('is neither renewed nor given back by one that has lost it', async () => {
      const lock = await Lock.take(connection.redis, EXPIRY)
      await place.plain.set(migrationLockName(5), 'another', 'PX', 3 * EXPIRY)
      await renewed(6)
      // One that was renewed would expire sooner now.
      expect(await place.plain.pttl(migrationLockName(5))).to.be.above(EXPIRY)
      await lock?.release()
      expect(await place.names()).to.deep.equal([migrationLockName(5)])
    })

    it('is not taken in part', async () => {
      await place.plain.set(migrationLockName(15), 'dying', 'PX', EXPIRY)
      expect(await Lock.take(connection.redis, EXPIRY)).to.equal(undefined)
      expect(await place.names()).to.deep.equal([migrationLockName(15)])
    })
  })
