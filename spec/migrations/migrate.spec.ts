import { expect } from 'chai'
import { LockLost } from '../../migrations/lock.ts'
import { migrate, type News } from '../../migrations/migrate.ts'
import { schemaStatus } from '../../migrations/status.ts'
import {
  indexName,
  keyName,
  migrationLockName,
  migrationProgressName,
  PARTITIONS,
  partitionOf,
  schemaName,
} from '../../plugins/virtual-key/redis/names.ts'
import { SchemaError } from '../../plugins/virtual-key/redis/schema-version.ts'
import { registeredKeys } from '../../plugins/virtual-key/registry/keys.ts'
import { writeKey } from '../../plugins/virtual-key/registry/write.ts'
import type { Connected } from '../support/connection.ts'
import { PLACES, type Place } from '../support/place.ts'
import { contents, idsIn, writeHashes } from '../support/records.ts'
import { ServerStatistics } from '../support/server-statistics.ts'

const AT = 1_790_000_000_000
const NAMES = ['001_virtual_keys', '002_virtual_key_alert']

for (const [where, open] of Object.entries(PLACES))
  describe(`Migrations on ${where}`, function () {
    this.timeout(60_000)

    let place: Place
    let connection: Connected
    let statistics: ServerStatistics

    before(async () => {
      place = await open()
      connection = await place.connect()
      statistics = new ServerStatistics(place)
    })

    beforeEach(() => place.flush())

    after(async () => {
      statistics.stop()
      connection.redis.disconnect()
      await place.stop()
    })

    const run = (progress: (news: News) => void = () => undefined) =>
      migrate(connection.redis, { clock: () => AT, progress, expiry: 3000 })
    const refused = (progress?: (news: News) => void) => run(progress).catch((error: unknown) => error)
    const records = async () => {
      const found = []
      for await (const { id } of registeredKeys(connection.redis)) found.push(id)
      return found.sort()
    }

    it('brings an empty Redis to the newest schema and leaves nothing else', async () => {
      expect(await run()).to.deep.equal({
        applied: NAMES,
        changed: { [NAMES[0] ?? '']: 0, [NAMES[1] ?? '']: 0 },
      })
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => schemaName(partition))
      expect((await place.names()).sort()).to.deep.equal(partitions.sort())
      for (const name of partitions)
        expect(await place.plain.hgetall(name)).to.deep.equal({
          version: '2',
          [NAMES[0] ?? '']: String(AT),
          [NAMES[1] ?? '']: String(AT),
        })
      expect(await schemaStatus(connection.redis)).to.deep.include({ version: 2, newest: 2, pending: [] })
      expect(await run()).to.deep.equal({ applied: [], changed: {} })
    })

    it('indexes 6,000 records and gives each an alert of its own, and touches nothing that is no record', async () => {
      const ids = Array.from({ length: 6000 }, (_, i) => `kéy:${i}`)
      await writeHashes(place.plain, [
        ...ids.map((id, i) => [id, { created_at: String(i), token_budget: String(i + 1) }] as const),
        ['own', { created_at: '1', alert_threshold: '70', epoch: '4' }],
        ['both', { created_at: '1', alert_threshold: '', alert_webhook: 'https://example.com/' }],
        ['unregistered', { epoch: '3' }],
        ['indexed-epoch', { epoch: '5' }],
      ])
      await place.plain.zadd(indexName(partitionOf('both')), 0, 'both')
      for (const stale of ['indexed-epoch', 'gone'])
        await place.plain.zadd(indexName(partitionOf(stale)), 0, stale)
      const [text = ''] = idsIn(3, 1, 'text')
      const [astray = ''] = idsIn(4, 1, 'astray')
      await place.plain.set(keyName(text), 'no hash')
      await place.plain.zadd(indexName(3), 0, text, 0, astray)
      await place.plain.hset(`vk:{3}:key:${astray}`, 'created_at', '1')

      expect(await run()).to.deep.equal({
        applied: NAMES,
        changed: { [NAMES[0] ?? '']: 6001, [NAMES[1] ?? '']: 6001 },
      })

      // The registry's reader takes what is in the index for a hash.
      await place.plain.zrem(indexName(3), text)
      expect(await records()).to.deep.equal([...ids, 'own', 'both'].sort())
      const hash = (id: string) => place.plain.hgetall(keyName(id))
      for (const i of [0, 2999, 5999])
        expect(await hash(`kéy:${i}`)).to.deep.equal({
          created_at: String(i),
          token_budget: String(i + 1),
          alert_threshold: '',
          alert_webhook: '',
        })
      const wanting = await Promise.all(
        ids.map((id) => place.plain.hmget(keyName(id), 'alert_threshold', 'alert_webhook')),
      )
      expect(wanting.flat().filter((value) => value !== '')).to.deep.equal([])
      expect(await hash('own')).to.deep.equal({
        created_at: '1',
        alert_threshold: '70',
        epoch: '4',
        alert_webhook: '',
      })
      expect(await hash('both')).to.deep.equal({
        created_at: '1',
        alert_threshold: '',
        alert_webhook: 'https://example.com/',
      })
      expect(await hash('unregistered')).to.deep.equal({ epoch: '3' })
      expect(await hash('indexed-epoch')).to.deep.equal({ epoch: '5' })
      expect(await hash('gone')).to.deep.equal({})
      expect(await place.plain.get(keyName(text))).to.equal('no hash')
      expect(await place.plain.hgetall(`vk:{3}:key:${astray}`)).to.deep.equal({ created_at: '1' })
      expect(await hash(astray)).to.deep.equal({})
      expect(await writeKey(connection.redis, 'own', { alert_threshold: 80 }, 'update', AT)).to.equal(
        'updated',
      )
    })

    it('goes on with the SCAN where it was, but from the start where its cursor is of another server', async () => {
      const ids = idsIn(2, 6000)
      await writeHashes(
        place.plain,
        ids.map((id) => [id, { created_at: '1' }]),
      )
      let first = 0
      const stolen = await refused((news) => {
        if (news.state !== 'working' || news.partition !== 2) return
        first = news.looked
        void connection.redis.set(migrationLockName(2), 'another')
      })
      expect(stolen).to.be.instanceOf(LockLost)
      expect(first).to.be.within(1500, 4500)
      const { cursor = '' } = await place.plain.hgetall(migrationProgressName(2))
      expect(cursor).to.match(/^[0-9a-f]{40} [1-9]\d*$/)

      const again = async (from: string) => {
        await place.plain.hset(migrationProgressName(2), 'cursor', from)
        await place.plain.del(migrationLockName(2), schemaName(2))
        await statistics.forget()
        const { changed } = await run()
        expect(await records()).to.have.length(6000)
        return [changed[NAMES[0] ?? ''], await statistics.calls('zscore')]
      }
      expect(await again(cursor)).to.deep.equal([6000 - first, 6000 - first])
      await place.plain.del(indexName(2))
      expect(await again(`ab12cd ${cursor.split(' ')[1]}`)).to.deep.equal([6000, 6000])
    })

    it('goes on over the index after the last id that was done', async () => {
      const ids = idsIn(2, 1200).sort()
      await run()
      await writeHashes(
        place.plain,
        ids.map((id) => [id, { created_at: '1' }]),
      )
      await place.plain.zadd(indexName(2), ...ids.flatMap((id) => [0, id]))
      await place.plain.hset(schemaName(2), 'version', '1')
      await place.plain.hset(migrationProgressName(2), { cursor: ids[699] ?? '', looked: '700' })
      await statistics.forget()
      const news: News[] = []
      expect(await run((one) => news.push(one))).to.deep.equal({
        applied: NAMES.slice(1),
        changed: { [NAMES[1] ?? '']: 500 },
      })
      expect(await statistics.calls('hexists')).to.equal(2 * 500)
      expect(news[0]).to.deep.equal({ state: 'resumed', step: NAMES[1], partition: 2, looked: 700 })
      expect(news.at(-1)).to.deep.equal({ state: 'working', step: NAMES[1], partition: 2, looked: 1200 })
      expect(await place.plain.exists(migrationProgressName(2), migrationLockName(2))).to.equal(0)
    })

    it('writes no further batch and releases nothing once its lock is another’s', async () => {
      const ids = idsIn(2, 1200)
      await writeHashes(
        place.plain,
        ids.map((id) => [id, { created_at: '1' }]),
      )
      let batches = 0
      const error = await refused(({ state, ...news }) => {
        if (state !== 'working' || !('step' in news) || news.step !== NAMES[1] || news.partition !== 2) return
        batches++
        // On its own connection, so that it comes before its next batch.
        void connection.redis.set(migrationLockName(2), 'another')
      })
      expect(error).to.be.instanceOf(LockLost)
      expect(batches).to.equal(1)
      const values = await Promise.all(ids.map((id) => place.plain.hexists(keyName(id), 'alert_threshold')))
      expect(values.filter((there) => there === 1)).to.have.length(500)
      expect(await place.plain.hget(migrationProgressName(2), 'looked')).to.equal('500')
      expect(await place.plain.get(migrationLockName(2))).to.equal('another')
      expect(await place.plain.exists(migrationLockName(1))).to.equal(0)
      expect((await schemaStatus(connection.redis)).version).to.equal(1)

      await place.plain.del(migrationLockName(2))
      expect((await run()).changed).to.deep.equal({ [NAMES[1] ?? '']: 700 })
    })

    it('marks no step as applied without the lock', async () => {
      const error = await refused(({ state }) => {
        if (state === 'working') void connection.redis.del(migrationLockName(0))
      })
      expect(error).to.be.instanceOf(LockLost)
      expect(await place.plain.exists(schemaName(0))).to.equal(0)
    })

    it('marks no step as applied on a schema that is not the one before it', async () => {
      const error = await refused(({ state }) => {
        if (state === 'working') void connection.redis.hset(schemaName(0), 'version', '1')
      })
      expect(error).to.be.instanceOf(SchemaError)
      expect(await place.plain.hgetall(schemaName(0))).to.deep.equal({ version: '1' })
    })

    it('takes over when a run that died does not renew its lock', async () => {
      await place.plain.set(migrationLockName(0), 'dead', 'PX', 700)
      await place.plain.set(migrationLockName(9), 'dead', 'PX', 900)
      const news: News[] = []
      const { applied } = await run((one) => news.push(one))
      expect(applied).to.deep.equal(NAMES)
      expect(news.filter(({ state }) => state === 'waiting')).to.have.length(1)
      expect(news[0]?.state).to.equal('waiting')
    })

    it('refuses a schema that is newer than this code, in a single partition too', async () => {
      await run()
      await place.plain.hset(schemaName(11), 'version', '3')
      const before = await contents(place)
      const error = await refused()
      expect(error).to.be.instanceOf(SchemaError).with.property('found', 3)
      const status = await schemaStatus(connection.redis).catch((thrown: unknown) => thrown)
      expect(status).to.be.instanceOf(SchemaError)
      expect(await contents(place)).to.deep.equal(before)
    })
  })
