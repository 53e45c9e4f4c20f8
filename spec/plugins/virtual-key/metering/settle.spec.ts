import { expect } from 'chai'
import { settle } from '../../../../plugins/virtual-key/metering/settle.ts'
import type { NewUsageRecord } from '../../../../plugins/virtual-key/metering/usage-record.ts'
import {
  keyName,
  outboxNames,
  partitionOf,
  schemaName,
  totalName,
} from '../../../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION, SchemaError } from '../../../../plugins/virtual-key/redis/schema-version.ts'
import type { Connection } from '../../../../plugins/virtual-key/redis/script.ts'
import { payloadsOf } from '../../../support/payloads.ts'
import { PLACES, type Place } from '../../../support/place.ts'
import { keyNames, silentTarget, usageRecord } from '../../../support/usage-record.ts'

for (const [name, open] of Object.entries(PLACES))
  describe(`settle on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let redis: Connection
    let sequence = 0

    const newKey = keyNames('settle')
    const id = () => ({ processId: 'spec', sequence: sequence++ })

    before(async () => {
      place = await open()
      redis = (await place.connect()).link.redis
    })

    after(async () => {
      redis?.disconnect()
      await place?.stop()
    })

    const spend = async (key: string, tokens: number, ...thresholds: number[]) => {
      const settled = await settle(redis, {
        id: id(),
        ...usageRecord(key, tokens, { thresholds }),
        service: 'openai',
      })
      if (settled.state !== 'settled') throw new Error(settled.state)
      return settled
    }

    it('reports previous and new total, and fires only where the total passes or meets a threshold', async () => {
      const key = newKey()
      expect(await spend(key, 99, 100)).to.deep.include({ previous: 0, total: 99, epoch: 0, crossed: [] })
      expect(await spend(key, 0, 100)).to.deep.include({ previous: 99, total: 99, crossed: [] })
      expect(await spend(key, 1, 100)).to.deep.include({ previous: 99, total: 100, crossed: [100] })
      expect(await spend(key, 500, 100)).to.deep.include({
        previous: 100,
        total: 600,
        crossed: [],
        claims: [],
      })
    })

    const rules = { threshold: 0, thresholds: [], percents: [] }
    const saidBy: Record<string, [own: Partial<NewUsageRecord>, record?: Record<string, string>]> = {
      'the configuration’s threshold': [{ rules: { ...rules, threshold: 100 } }],
      'one of its thresholds': [{ rules: { ...rules, thresholds: [100] } }],
      'percents of the budget': [{ budget: 200, rules: { ...rules, percents: [50] } }],
      'the record’s threshold': [{ registry: true, rules }, { alert_threshold: '100' }],
      'one of the record’s thresholds': [{ registry: true, rules }, { alert_thresholds: '100' }],
      'percents in the record': [
        { registry: true, rules },
        { alert_percents: '50', token_budget: '200' },
      ],
    }
    for (const [who, [own, record]] of Object.entries(saidBy))
      it(`${who}: nothing below it, an alert exactly on it, nothing from there on`, async () => {
        for (const landing of [100, 101]) {
          const key = newKey()
          if (record) await place.plain.hset(keyName(key), { created_at: '0', ...record })
          const crossed: Array<readonly number[]> = []
          for (const tokens of [99, landing - 99, 1, 500]) {
            const settled = await settle(redis, {
              id: id(),
              ...usageRecord(key, tokens, own),
              service: 'openai',
            })
            crossed.push(settled.state === 'settled' ? settled.crossed : [])
          }
          expect(crossed).to.deep.equal([[], [100], [], []])
        }
      })

    it('an answer that is fetched again adds only what it has beyond what was counted of it', async () => {
      const key = newKey()
      const fetched = async (tokens: number, answer: string, of = key) => {
        const settled = await settle(redis, {
          id: id(),
          ...usageRecord(of, tokens, { answer }),
          service: 'openai',
        })
        return settled.state === 'settled' ? settled.total : settled.state
      }
      expect(await fetched(20, 'resp_1')).to.equal(20)
      expect(await fetched(90, 'resp_1')).to.equal(90)
      expect(await fetched(90, 'resp_1')).to.equal(90)
      expect(await fetched(0, 'resp_1')).to.equal(90)
      expect(await fetched(5, 'resp_2')).to.equal(95)
      expect(await fetched(90, 'resp_1', newKey())).to.equal(90)
      expect(await fetched(30, 'x'.repeat(100_000))).to.equal(125)
    })

    it('hands every alert of one step to the settling process, with the total that crossed', async () => {
      const key = newKey()
      const { crossed, claims } = await spend(key, 250, 100, 200, 300)
      expect(crossed).to.deep.equal([100, 200])
      expect(claims.map(({ record }) => JSON.parse(record?.payload ?? ''))).to.deep.equal([
        {
          event: 'token_threshold_crossed',
          key_id: key,
          service: 'openai',
          threshold: 100,
          total_tokens: 250,
          timestamp: '2026-04-06T19:00:00Z',
        },
        {
          event: 'token_threshold_crossed',
          key_id: key,
          service: 'openai',
          threshold: 200,
          total_tokens: 250,
          timestamp: '2026-04-06T19:00:00Z',
        },
      ])
      const pending = await redis.xpending(
        outboxNames(partitionOf(key)).outbox,
        'dispatchers',
        '-',
        '+',
        10,
        'spec',
      )
      expect(pending.map((entry) => (entry as string[])[0])).to.include.members(
        claims.map(({ streamId }) => streamId),
      )
    })

    it('gives the same crossing the same id for ever, and each other crossing another', async () => {
      const key = newKey()
      const { claims } = await spend(key, 250, 100, 200)
      const ids = claims.map((claim) => claim.id)
      expect(new Set(ids).size).to.equal(2)
      await redis.del(totalName(key, 'total'))
      await redis.hdel(outboxNames(partitionOf(key)).alerts, ...ids)
      expect((await spend(key, 250, 100, 200)).claims.map((claim) => claim.id)).to.deep.equal(ids)
      await redis.del(totalName(key, 'total'))
      await redis.hincrby(keyName(key), 'epoch', 1)
      const { claims: later } = await spend(key, 100, 100)
      expect(later).to.have.length(1)
      expect(later[0]?.id).not.to.be.oneOf(ids)
    })

    it('gives no id again after Redis was flushed: a receiver that remembers ids would drop a real alert', async () => {
      const key = newKey()
      const [before] = (await spend(key, 100, 100)).claims
      await place.flush()
      const [after] = (await spend(key, 100, 100)).claims
      expect(before?.record?.payload).to.equal(after?.record?.payload)
      expect(after?.id)
        .to.match(/^vk_[0-9a-f]{40}$/)
        .and.not.equal(before?.id)
    })

    it('counts a repetition once, and hands its alerts over again', async () => {
      const key = newKey()
      const once = id()
      const first = await settle(redis, { id: once, ...usageRecord(key, 150), service: 'openai' })
      const again = await settle(redis, { id: once, ...usageRecord(key, 150), service: 'openai' })
      expect(again.state).to.equal('duplicate')
      expect(await redis.get(totalName(key, 'total'))).to.equal('150')
      if (first.state !== 'settled' || again.state !== 'duplicate') throw new Error('impossible')
      expect(again.claims.map((claim) => claim.id)).to.include(first.claims[0]?.id)
    })

    it('tells a repetition what it crossed when it was counted, and nothing where that was nothing', async () => {
      const key = newKey()
      const [below, crossing, silent] = [id(), id(), id()]
      const rules = { thresholds: [100, 120, 300] }
      const quiet = usageRecord(key, 150, { ...rules, target: silentTarget() })
      await settle(redis, { id: below, ...usageRecord(key, 90, rules), service: 'openai' })
      await settle(redis, { id: crossing, ...usageRecord(key, 60, rules), service: 'openai' })
      await settle(redis, { id: silent, ...quiet })
      const again = { state: 'duplicate', claims: [], silent: false }
      expect(await settle(redis, { id: silent, ...quiet })).to.deep.include({
        state: 'duplicate',
        crossed: [300],
        silent: true,
        total: 300,
      })
      const told = await settle(redis, { id: crossing, ...usageRecord(key, 60, rules), service: 'openai' })
      expect({ ...told, claims: [] }).to.deep.equal({ ...again, crossed: [100, 120], total: 150 })
      const nothing = await settle(redis, { id: below, ...usageRecord(key, 90, rules), service: 'openai' })
      expect({ ...nothing, claims: [] }).to.deep.equal({ ...again, crossed: [] })
    })

    it('changes nothing before a crossing whose service it does not know', async () => {
      const key = newKey()
      const once = id()
      expect(await settle(redis, { id: once, ...usageRecord(key, 150) })).to.deep.equal({
        state: 'unlabelled',
      })
      expect(await redis.get(totalName(key, 'total'))).to.equal(null)
      expect(await settle(redis, { id: once, ...usageRecord(key, 150), service: 'openai' })).to.include({
        state: 'settled',
        total: 150,
      })
      expect(await settle(redis, { id: id(), ...usageRecord(key, 1) })).to.include({ total: 151 })
    })

    it('needs no service and keeps no alert where there is no webhook', async () => {
      const key = newKey()
      const silent = usageRecord(key, 150, { target: silentTarget() })
      expect(await settle(redis, { id: id(), ...silent })).to.deep.include({
        crossed: [100],
        silent: true,
        claims: [],
      })
      expect(await payloadsOf(redis, key)).to.deep.equal([])
    })

    it('lets a window end a day late, and starts the next one at 0', async () => {
      const key = newKey()
      const end = Math.floor(Date.now() / 1000) * 1000 + 60_000
      const window = { kind: 'hour', label: '2026-11-23T18', end } as const
      await settle(redis, { id: id(), ...usageRecord(key, 150, { window }), service: 'openai' })
      const left = await redis.ttl(totalName(key, window.label))
      expect(left).to.be.within(60 + 86_400 - 10, 60 + 86_400)
      const next = { kind: 'hour', label: '2026-11-23T19', end: end + 3_600_000 } as const
      expect(
        await settle(redis, { id: id(), ...usageRecord(key, 150, { window: next }), service: 'openai' }),
      ).to.deep.include({
        previous: 0,
        crossed: [100],
      })
      expect(await payloadsOf(redis, key)).to.have.length(2)
    })

    it('stops at the largest number that all parties count exactly', async () => {
      const key = newKey()
      await spend(key, Number.MAX_SAFE_INTEGER - 1)
      expect(await spend(key, 1000, Number.MAX_SAFE_INTEGER)).to.deep.include({
        total: Number.MAX_SAFE_INTEGER,
        crossed: [Number.MAX_SAFE_INTEGER],
      })
      expect(await redis.get(totalName(key, 'total'))).to.equal(String(Number.MAX_SAFE_INTEGER))
      expect((await spend(key, 1000, Number.MAX_SAFE_INTEGER)).crossed).to.deep.equal([])
    })

    it('adds 200 at once exactly, with one alert', async () => {
      const key = newKey()
      const all = await Promise.all(Array.from({ length: 200 }, () => spend(key, 1, 100)))
      expect(all.filter(({ crossed }) => crossed.length > 0)).to.have.length(1)
      expect(await redis.get(totalName(key, 'total'))).to.equal('200')
      expect(await payloadsOf(redis, key)).to.have.length(1)
    })

    it('keeps names with quotes, line breaks, slashes and every script intact', async () => {
      const key = `${newKey()}"\n\\/\u2028ключ🔑`
      const { claims } = await spend(key, 100, 100)
      expect(JSON.parse(claims[0]?.record?.payload ?? '').key_id).to.equal(key)
    })

    it('refuses a schema that is newer than it knows, and changes nothing', async () => {
      const key = newKey()
      const schema = schemaName(partitionOf(key))
      await redis.hset(schema, 'version', SCHEMA_VERSION + 1)
      const failed = await settle(redis, { id: id(), ...usageRecord(key, 150), service: 'openai' }).catch(
        (error) => error,
      )
      await redis.del(schema)
      expect(failed).to.be.instanceOf(SchemaError)
      expect(failed.message).to.include(`schema ${SCHEMA_VERSION + 1}, newer than ${SCHEMA_VERSION}`)
      expect(await redis.exists(totalName(key, 'total'))).to.equal(0)
    })

    describe('puts back what Redis has lost', () => {
      it('after a flush: old thresholds stay silent, the next one fires', async () => {
        const key = newKey()
        const before = await spend(key, 250, 100, 200, 300)
        await place.flush()
        const { epoch, total } = before
        const after = await settle(
          redis,
          { id: id(), ...usageRecord(key, 10, { thresholds: [100, 200, 300] }), service: 'openai' },
          new Map([[totalName(key, 'total'), { epoch, total }]]),
        )
        expect(after).to.deep.include({ previous: 250, total: 260, crossed: [] })
        expect((await spend(key, 40, 100, 200, 300)).crossed).to.deep.equal([300])
      })

      it('after a failover to older data, also when a reset was lost', async () => {
        const key = newKey()
        await redis.set(totalName(key, 'total'), 500)
        const known = new Map([[totalName(key, 'total'), { epoch: 3, total: 120 }]])
        const settled = await settle(redis, { id: id(), ...usageRecord(key, 10), service: 'openai' }, known)
        expect(settled).to.deep.include({ previous: 120, total: 130, epoch: 3, crossed: [] })
        expect(await redis.get(totalName(key, 'total'))).to.equal('130')
        expect(await redis.hget(keyName(key), 'epoch')).to.equal('3')
      })

      it('but not what an operator has reset', async () => {
        const key = newKey()
        await redis.hset(keyName(key), 'epoch', 1)
        const known = new Map([[totalName(key, 'total'), { epoch: 0, total: 90 }]])
        const settled = await settle(redis, { id: id(), ...usageRecord(key, 100), service: 'openai' }, known)
        expect(settled).to.deep.include({ previous: 0, total: 100, crossed: [100] })
      })
    })

    describe('writes nothing where Redis holds something else under one of its names', () => {
      for (const [what, name] of Object.entries({
        'the total is a list': (key: string) => totalName(key, 'total'),
        'the key is a list': keyName,
        'the schema is a list': (key: string) => schemaName(partitionOf(key)),
        'the outbox is a list': (key: string) => outboxNames(partitionOf(key)).outbox,
        'the alerts are a list': (key: string) => outboxNames(partitionOf(key)).alerts,
      })) {
        it(what, async () => {
          await place.flush()
          const key = newKey()
          await redis.rpush(name(key), 'x')
          const once = id()
          const failed = await settle(redis, { id: once, ...usageRecord(key, 150), service: 'openai' }).catch(
            (error) => error,
          )
          expect(failed.message).to.include('WRONGTYPE')
          expect(await place.names()).to.deep.equal([name(key)])
          await redis.del(name(key))
          expect(
            await settle(redis, { id: once, ...usageRecord(key, 150), service: 'openai' }),
          ).to.deep.include({
            crossed: [100],
          })
        })
      }

      it('the total is no number', async () => {
        const key = newKey()
        await redis.set(totalName(key, 'total'), '1.5e3')
        const failed = await settle(redis, { id: id(), ...usageRecord(key, 150), service: 'openai' }).catch(
          (error) => error,
        )
        expect(failed).to.be.instanceOf(Error)
        expect(await redis.get(totalName(key, 'total'))).to.equal('1.5e3')
      })
    })
  })
