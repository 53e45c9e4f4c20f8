import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { admit } from '../../../../plugins/virtual-key/admission/admit.ts'
import { release, reservationOf } from '../../../../plugins/virtual-key/admission/reserve.ts'
import { settle } from '../../../../plugins/virtual-key/metering/settle.ts'
import { overflowId } from '../../../../plugins/virtual-key/policy/overflow.ts'
import { windowAt } from '../../../../plugins/virtual-key/policy/window.ts'
import {
  idsName,
  keyName,
  PARTITIONS,
  partitionOf,
  reservedName,
  totalName,
} from '../../../../plugins/virtual-key/redis/names.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { payloadsOf } from '../../../support/payloads.ts'
import { policy, usageRecord } from '../../../support/usage-record.ts'

/** Ids of a partition that are not registered and have counters of their own. */
const MOST_IDS = 4096
/** 400 days. Unit: seconds. */
const FORGET_AFTER = 34_560_000

const PARTITION = 5

/** Ids of one partition, none twice. */
function* idsOf(partition: number): Generator<string, never> {
  for (let n = 0; ; n++) if (partitionOf(`header-${n}`) === partition) yield `header-${n}`
}

describe('Ids that clients may have invented', function () {
  this.timeout(120_000)

  let server: PrivateRedis
  let connection: Connected
  let sequence = 0
  const ids = idsOf(PARTITION)
  const newId = () => ids.next().value
  const overflow = overflowId(PARTITION)

  before(async () => {
    server = await PrivateRedis.start()
    connection = await connected(server.port, { timeout: 30_000 })
  })

  after(async () => {
    connection?.redis.disconnect()
    await server?.stop()
  })

  const spend = async (keyId: string, tokens: number, own: Parameters<typeof usageRecord>[2] = {}) => {
    const id = { processId: 'spec', sequence: sequence++ }
    const settled = await settle(connection.redis, {
      id,
      ...usageRecord(keyId, tokens, { invented: true, ...own }),
      service: 'openai',
    })
    if (settled.state !== 'settled') throw new Error(settled.state)
    return settled
  }
  const ask = (keyId: string, own: { denyUnknown?: boolean; reservation?: string; budget?: number } = {}) =>
    admit(
      connection.redis,
      'spec',
      {
        ...policy(keyId, { budget: 1000, ...own }),
        invented: true,
        denyUnknown: own.denyUnknown ?? false,
        alert: { key_id: keyId, timestamp: '2026-04-06T19:00:00Z' },
      },
      'openai',
    )
  const total = async (keyId: string) => Number(await connection.redis.get(totalName(keyId, 'total')))

  it('each partition has an overflow id of its own', () => {
    const all = Array.from({ length: PARTITIONS }, (_, partition) => overflowId(partition))
    expect(all.map(partitionOf)).to.deep.equal(
      Array.from({ length: PARTITIONS }, (_, partition) => partition),
    )
    expect(all.every((id) => id.startsWith('virtual-key-overflow-'))).to.equal(true)
  })

  it(`${MOST_IDS} of a partition have counters of their own; whatever comes then counts for its overflow id`, async () => {
    const mine = Array.from({ length: MOST_IDS }, newId)
    await Promise.all(mine.map((one) => spend(one, 1, { thresholds: [] })))
    expect(await connection.redis.zcard(idsName(PARTITION))).to.equal(MOST_IDS)
    const names = await connection.redis.dbsize()

    const further = Array.from({ length: 300 }, newId)
    const rules = { thresholds: [1000] }
    const answers = await Promise.all(further.map((one) => spend(one, 10, rules)))
    expect(answers.every(({ keyId }) => keyId === overflow)).to.equal(true)
    expect(await total(overflow)).to.equal(3000)
    expect(
      (await payloadsOf(connection.redis, overflow)).map(({ key_id, threshold }) => [key_id, threshold]),
    ).to.deep.equal([[overflow, 1000]])
    // The overflow's counter; outbox and alerts; what crossed; and the bitmaps of what was settled.
    expect((await connection.redis.dbsize()) - names).to.be.within(1, 8)

    // Whoever was there before goes on as ever.
    expect(await spend(mine[0] ?? '', 5, { thresholds: [] })).to.include({ keyId: mine[0], total: 6 })
  })

  it('nobody gets past a budget with another id: those beyond the bound share one, and where a key is required they have none', async () => {
    expect((await ask(newId())).state).to.equal('budget')
    expect(await ask(newId(), { denyUnknown: true })).to.include({ state: 'unknown' })
    expect(await connection.redis.exists(keyName(newId()))).to.equal(0)
  })

  it('what a request beyond the bound holds is held by the overflow id, and comes free', async () => {
    const id = newId()
    const reservation = reservationOf('spec-1', 50)
    expect((await ask(id, { budget: 100_000, reservation })).state).to.equal('admitted')
    expect(await connection.redis.get(reservedName(overflow))).to.equal('50')
    expect(await release(connection.redis, id, reservation)).to.equal(true)
    expect(Number(await connection.redis.get(reservedName(overflow)))).to.equal(0)
  })

  it('a registered key needs no room, and an id that is forgotten leaves its own', async () => {
    const registered = newId()
    await connection.redis.hset(keyName(registered), 'created_at', '1')
    expect((await spend(registered, 1, { thresholds: [] })).keyId).to.equal(registered)
    const [eldest = ''] = await connection.redis.zrange(idsName(PARTITION), '0', '0')
    await connection.redis.zadd(idsName(PARTITION), 1, eldest)
    const next = newId()
    expect((await spend(next, 1, { thresholds: [] })).keyId).to.equal(next)
    expect(await connection.redis.zscore(idsName(PARTITION), eldest)).to.equal(null)
    expect(await connection.redis.zcard(idsName(PARTITION))).to.equal(MOST_IDS)
  })

  it('all that is kept of an id that is not registered ends 400 days after its last use, in a window a day after that', async () => {
    const id =
      [...Array(50).keys()].map((n) => `other-${n}`).find((one) => partitionOf(one) !== PARTITION) ?? ''
    const [seconds = 0] = (await connection.redis.time()).map(Number)
    const forgotten = async () =>
      Number(await connection.redis.zscore(idsName(partitionOf(id)), id)) - seconds
    const window = windowAt('hour', seconds * 1000)
    await spend(id, 1, { window, thresholds: [] })
    expect(await forgotten()).to.be.within(86_400, 86_400 + 7200)
    await spend(id, 1000, { thresholds: [] })
    expect(await forgotten()).to.be.within(FORGET_AFTER - 60, FORGET_AFTER + 60)
    expect((await ask(id)).state).to.equal('budget')
    for (const name of [totalName(id, 'total'), keyName(id)])
      expect(await connection.redis.ttl(name), name).to.be.within(FORGET_AFTER - 60, FORGET_AFTER)

    // Used a day later it is kept for as long again.
    await connection.redis.expire(totalName(id, 'total'), FORGET_AFTER - 90_000)
    await connection.redis.zadd(idsName(partitionOf(id)), seconds + 5, id)
    await spend(id, 1, { thresholds: [] })
    expect(await connection.redis.ttl(totalName(id, 'total'))).to.be.within(FORGET_AFTER - 60, FORGET_AFTER)
    expect(await forgotten()).to.be.within(FORGET_AFTER - 60, FORGET_AFTER + 60)

    // Used again at once, and in a window that ends earlier, it is neither kept for ever nor forgotten sooner.
    await spend(id, 1, { thresholds: [] })
    expect(await connection.redis.ttl(totalName(id, 'total'))).to.be.within(FORGET_AFTER - 60, FORGET_AFTER)
    await spend(id, 1, { window: windowAt('day', seconds * 1000), thresholds: [] })
    expect(await forgotten()).to.be.within(FORGET_AFTER - 60, FORGET_AFTER + 60)
  })
})
