import { expect } from 'chai'
import { Redis } from 'ioredis'
import {
  type AdmissionRequest,
  type Admitted,
  admit,
  LONGEST_RESERVATION,
} from '../../../../plugins/virtual-key/admission/admit.ts'
import { release, reservationOf } from '../../../../plugins/virtual-key/admission/reserve.ts'
import { settle } from '../../../../plugins/virtual-key/metering/settle.ts'
import { windowAt, windowsAt } from '../../../../plugins/virtual-key/policy/window.ts'
import {
  indexName,
  keyName,
  outboxNames,
  partitionOf,
  reservationsName,
  reservedName,
  schemaName,
  totalName,
} from '../../../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION, SchemaError } from '../../../../plugins/virtual-key/redis/schema-version.ts'
import type { Connection } from '../../../../plugins/virtual-key/redis/script.ts'
import { keyFrom } from '../../../../plugins/virtual-key/registry/key-record.ts'
import { resetKey, writeKey } from '../../../../plugins/virtual-key/registry/write.ts'
import type { KeySettings } from '../../../../schema/key.ts'
import { payloadsOf } from '../../../support/payloads.ts'
import { PLACES, type Place } from '../../../support/place.ts'
import { until } from '../../../support/until.ts'
import { keyNames, policy, silentTarget, usageRecord } from '../../../support/usage-record.ts'

const HOUR = 3_600_000

/** Sets a server's `maxmemory`; 0 = any. */
async function memory(port: number, bytes: number): Promise<void> {
  const server = new Redis(port)
  await server.config('SET', 'maxmemory', bytes)
  server.disconnect()
}

for (const [name, open] of Object.entries(PLACES))
  describe(`admit on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let redis: Connection
    let sequence = 0

    const newKey = keyNames('admit')
    const id = () => ({ processId: 'spec', sequence: sequence++ })
    const now = () => Date.now()

    before(async () => {
      place = await open()
      redis = (await place.connect()).link.redis
      for (let p = 0; p < 16; p++) await redis.hset(schemaName(p), 'version', SCHEMA_VERSION)
    })

    after(async () => {
      redis?.disconnect()
      await place?.stop()
    })

    function request(
      keyId: string,
      own: Partial<AdmissionRequest> & Parameters<typeof policy>[1] = {},
    ): AdmissionRequest {
      const { denyUnknown = true, ...rest } = own
      return {
        denyUnknown,
        alert: { key_id: keyId, timestamp: '2026-04-06T19:00:00Z' },
        ...policy(keyId, { registry: true, ...rest }),
        ...own,
      }
    }
    const ask = (
      keyId: string,
      own: Parameters<typeof request>[1] = {},
      service: string | undefined = 'openai',
    ): Promise<Admitted> => admit(redis, 'spec', request(keyId, own), service)
    const spend = async (keyId: string, tokens: number, own: Parameters<typeof usageRecord>[2] = {}) => {
      const settled = await settle(redis, { id: id(), ...usageRecord(keyId, tokens, own), service: 'openai' })
      if (settled.state !== 'settled') throw new Error(settled.state)
      return settled
    }
    const register = async (settings: KeySettings): Promise<string> => {
      const key = newKey()
      expect(await writeKey(redis, key, settings, 'create', now())).to.equal('created')
      return key
    }

    describe('keys', () => {
      it('a registered key may pass, an unknown one only where unknown keys may', async () => {
        expect((await ask(await register({}))).state).to.equal('admitted')
        const unknown = newKey()
        expect((await ask(unknown)).state).to.equal('unknown')
        expect((await ask(unknown, { denyUnknown: false })).state).to.equal('admitted')
        expect((await ask(unknown, { registry: false })).state).to.equal('admitted')
        expect(await redis.exists(keyName(unknown))).to.equal(0)
      })

      it('the epoch of a key that spent without being registered does not make it a registered one', async () => {
        const key = newKey()
        await redis.hincrby(keyName(key), 'epoch', 1)
        expect((await ask(key)).state).to.equal('unknown')
      })

      it('disabled, expired: a change holds from the next request', async () => {
        const key = await register({ disabled: true })
        expect((await ask(key)).state).to.equal('disabled')
        await writeKey(redis, key, { disabled: undefined, expires_at: now() - 1000 }, 'update', now())
        expect((await ask(key)).state).to.equal('expired')
        await writeKey(redis, key, { expires_at: now() + HOUR }, 'update', now())
        expect((await ask(key)).state).to.equal('admitted')
      })

      it('the expiry is by the clock of Redis, not by that of whoever asks', async () => {
        const key = await register({ expires_at: now() + HOUR })
        const tomorrow = windowsAt(now() + 24 * HOUR)
        expect((await ask(key, { windows: tomorrow })).state).to.equal('admitted')
      })

      it('scope read: what the request does is asked for that key alone, and only reading passes', async () => {
        const key = await register({ scope: 'read', one_shot: true })
        expect(await ask(key)).to.deep.equal({ state: 'method' })
        expect((await ask(key, { method: 'write' })).state).to.equal('scope')
        expect((await ask(key, { method: 'read' })).state).to.equal('admitted')
        expect((await ask(await register({ scope: 'all' }))).state).to.equal('admitted')
      })

      it('one-shot: of 50 concurrent requests one passes', async () => {
        const key = await register({ one_shot: true })
        const states = (await Promise.all(Array.from({ length: 50 }, () => ask(key)))).map(
          ({ state }) => state,
        )
        expect(states.filter((state) => state === 'admitted')).to.have.length(1)
        expect(states.filter((state) => state === 'used')).to.have.length(49)
        expect((await ask(key)).state).to.equal('used')
      })

      it('one-shot: a request that is refused for another reason does not use the key up', async () => {
        const key = await register({ one_shot: true, token_budget: 10 })
        await spend(key, 10, { registry: true })
        expect((await ask(key)).state).to.equal('budget')
        expect(await redis.hget(keyName(key), 'used_at')).to.be.oneOf([null, ''])
        await resetKey(redis, key, now())
        expect((await ask(key)).state).to.equal('admitted')
      })

      it('what in a record cannot be read counts as not set', async () => {
        const key = await register({})
        for (const [token_budget, expires_at, disabled] of [
          ['much', 'soon', '0'],
          ['-5', '-1', 'no'],
          ['1e3', 'nan', 'false'],
          ['0x10', 'inf', 'true'],
        ]) {
          await redis.hset(keyName(key), {
            token_budget,
            expires_at,
            disabled,
            one_shot: disabled,
            window: 'year',
          })
          const admitted = await ask(key, { budget: 70 })
          expect(admitted.state).to.equal('admitted')
          expect(admitted).to.have.nested.property('quota.budget', 70)
          expect(keyFrom(key, await redis.hgetall(keyName(key)))?.settings).to.deep.equal({})
        }
      })

      it('a key that is removed and made anew starts at 0 and is not used up', async () => {
        const key = await register({ one_shot: true, token_budget: 10 })
        expect((await ask(key)).state).to.equal('admitted')
        await spend(key, 10, { registry: true })
        await resetKey(redis, key, now(), { remove: true })
        expect((await ask(key)).state).to.equal('unknown')
        expect(await redis.zscore(indexName(partitionOf(key)), key)).to.equal(null)
        await writeKey(redis, key, { one_shot: true, token_budget: 10 }, 'create', now())
        expect((await ask(key)).state).to.equal('admitted')
      })

      it('refuses a schema that is newer than it knows', async () => {
        const key = newKey()
        const schema = schemaName(partitionOf(key))
        await redis.hset(schema, 'version', SCHEMA_VERSION + 1)
        const failed = await ask(key).catch((error) => error)
        await redis.hset(schema, 'version', SCHEMA_VERSION)
        expect(failed).to.be.instanceOf(SchemaError)
      })
    })

    describe('settings of the record win, field by field', () => {
      it('budget, window, thresholds, percents and webhook', async () => {
        const at = now()
        const windows = windowsAt(at)
        const key = await register({
          token_budget: 1001,
          window: 'day',
          alert_threshold: 0,
          alert_percents: [90],
          alert_webhook: 'https://other.example.com/key',
        })
        const own = {
          registry: true,
          windows,
          budget: 5,
          rules: { threshold: 50, thresholds: [60], percents: [10] },
        }
        const { crossed, quota } = await spend(key, 950, own)
        // 50 is switched off, 60 stands, 10 percent is replaced by 90 percent of the record's own budget, rounded up.
        expect(crossed).to.deep.equal([60, 901])
        expect(quota).to.deep.include({ budget: 1001, total: 950, window: windowAt('day', at) })
        expect(await redis.get(totalName(key, windowAt('day', at).label))).to.equal('950')
        const records = (await redis.hvals(outboxNames(partitionOf(key)).alerts)).map((json) =>
          JSON.parse(json),
        )
        const urls = records.filter(({ keyId }) => keyId === key).map(({ url }) => url)
        expect(urls).to.deep.equal(Array(2).fill('https://other.example.com/key'))
        expect((await ask(key, own)).state).to.equal('admitted')
        await spend(key, 51, own)
        expect((await ask(key, own)).state).to.equal('budget')
      })

      it('empty fields leave the configuration standing', async () => {
        const key = await register({})
        const rules = { threshold: 50, thresholds: [60, 50], percents: [10, 70] }
        const { crossed, quota } = await spend(key, 100, { registry: true, budget: 100, rules })
        expect(crossed).to.deep.equal([10, 50, 60, 70])
        expect(quota).to.deep.include({ budget: 100, total: 100 })
      })

      it('without the registry the record says nothing', async () => {
        const key = await register({ disabled: true, token_budget: 1, alert_threshold: 1 })
        expect((await spend(key, 99)).crossed).to.deep.equal([])
        expect((await ask(key, { registry: false })).state).to.equal('admitted')
      })

      it('a webhook of the record is enough, and without any a crossing is reported as silent', async () => {
        const target = silentTarget()
        const told = await register({ alert_webhook: 'https://a.example.com', alert_threshold: 5 })
        expect(await spend(told, 5, { registry: true, target })).to.include({ silent: false })
        expect(await payloadsOf(redis, told)).to.have.length(1)
        const quoted = await register({ alert_webhook: 'https://a.example.com/?q="x"', alert_threshold: 5 })
        const { claims } = await spend(quoted, 5, { registry: true, target })
        expect(claims.map(({ record }) => record?.url)).to.deep.equal(['https://a.example.com/?q="x"'])
        const silent = await register({ alert_threshold: 5 })
        expect(await spend(silent, 5, { registry: true, target })).to.deep.include({
          silent: true,
          crossed: [5],
        })
        expect(await payloadsOf(redis, silent)).to.have.length(0)
      })
    })

    describe('budgets', () => {
      it('at or over the budget a key is refused; the first time in a window an alert goes out, once', async () => {
        const key = newKey()
        const own = { registry: false, budget: 100 }
        await spend(key, 99, { thresholds: [] })
        expect(await ask(key, own)).to.deep.include({ state: 'admitted' })
        await spend(key, 2, { thresholds: [] })
        const answers = await Promise.all(Array.from({ length: 50 }, () => ask(key, own)))
        expect(answers.every(({ state }) => state === 'budget')).to.equal(true)
        const first = answers.filter((one) => one.state === 'budget' && one.first)
        expect(first).to.have.length(1)
        expect(first[0]).to.have.property('claims').with.length(1)
        expect(await payloadsOf(redis, key)).to.deep.equal([
          {
            event: 'token_budget_exceeded',
            key_id: key,
            service: 'openai',
            token_budget: 100,
            total_tokens: 101,
            reserved_tokens: 0,
            timestamp: '2026-04-06T19:00:00Z',
          },
        ])
      })

      it('a request that asks for more than the whole budget is refused without an alert: nothing was spent', async () => {
        const key = newKey()
        const greedy = { registry: false, budget: 100, reservation: reservationOf(`greedy-${key}`, 101) }
        expect(await ask(key, greedy)).to.include({ state: 'budget', first: false })
        expect(await redis.exists(keyName(key))).to.equal(0)
        await spend(key, 100, { thresholds: [] })
        expect(await ask(key, { registry: false, budget: 100 })).to.include({ state: 'budget', first: true })
      })

      it('before the alert it asks for the service, and marks nothing until it has it', async () => {
        const key = newKey()
        const own = { registry: false, budget: 1 }
        await spend(key, 1, { thresholds: [] })
        expect(await admit(redis, 'spec', request(key, own), undefined)).to.deep.equal({
          state: 'unlabelled',
        })
        expect(await ask(key, own)).to.include({ state: 'budget', first: true })
        // From then on nobody has to be asked.
        expect(await admit(redis, 'spec', request(key, own), undefined)).to.include({ first: false })
      })

      it('a reset, and each new window, arm it again; a gateway whose clock is behind does not', async () => {
        const key = newKey()
        const at = Date.UTC(2024, 1, 29, 12)
        const on = (time: number) => ({ registry: false, budget: 1, window: windowAt('day', time) })
        const first = async (time: number) => {
          const answer = await ask(key, on(time))
          return answer.state === 'budget' && answer.first
        }
        await spend(key, 1, on(at))
        expect([await first(at), await first(at)]).to.deep.equal([true, false])
        await spend(key, 1, on(at + 24 * HOUR))
        expect([await first(at + 24 * HOUR), await first(at), await first(at + 24 * HOUR)]).to.deep.equal([
          true,
          false,
          false,
        ])
        await resetKey(redis, key, at + 24 * HOUR)
        expect((await ask(key, on(at + 24 * HOUR))).state).to.equal('admitted')
        await spend(key, 1, on(at + 24 * HOUR))
        expect(await first(at + 24 * HOUR)).to.equal(true)
      })

      it('a budget that was raised is told of anew when it too is spent, under another id; one that is lower is not', async () => {
        const key = newKey()
        const own = (budget: number) => ({ registry: false, budget })
        const first = async (budget: number) => {
          const answer = await ask(key, own(budget))
          if (answer.state !== 'budget') throw new Error(answer.state)
          return answer.first ? answer.claims.map(({ id }) => id) : []
        }
        await spend(key, 100, { thresholds: [] })
        const ids = await first(100)
        expect((await ask(key, own(200))).state).to.equal('admitted')
        await spend(key, 100, { thresholds: [] })
        const later = await first(200)
        expect([ids.length, later.length, new Set([...ids, ...later]).size]).to.deep.equal([1, 1, 2])
        // Two routes with different budgets take turns.
        expect([await first(100), await first(200), await first(150)]).to.deep.equal([[], [], []])
      })

      it('a mark of another window silences nothing, be it of the future, and the record keeps few of them', async () => {
        const key = newKey()
        const marked = ['2027-11-24 0 100', '2028-01-01 0 100', '2029-01-01 7 100'].join(' ')
        await redis.hset(keyName(key), 'exceeded:day', marked)
        const window = windowAt('day', Date.now())
        await spend(key, 100, { thresholds: [], window })
        const own = { registry: false, budget: 100, window }
        expect(await ask(key, own)).to.include({ state: 'budget', first: true })
        expect(await ask(key, own)).to.include({ state: 'budget', first: false })
        expect(await redis.hget(keyName(key), 'exceeded:day')).to.equal(
          `2028-01-01 0 100 2029-01-01 7 100 ${window.label} 0 100`,
        )
        expect(await redis.ttl(keyName(key))).to.be.above(399 * 86_400)
      })

      it('a Redis that is full still refuses, and the alert goes out when it has room again', async () => {
        const key = newKey()
        const own = { registry: false, budget: 1 }
        await spend(key, 1, { thresholds: [] })
        const room = (bytes: number) => Promise.all(place.servers.map((one) => memory(one.port, bytes)))
        await room(1)
        const full = await ask(key, own).catch((error) => error)
        await room(0)
        expect(full).to.include({ state: 'budget', first: false })
        expect(await ask(key, own)).to.include({ state: 'budget', first: true })
        expect(await payloadsOf(redis, key)).to.have.length(1)
      })

      for (const what of ['outbox', 'alerts'] as const) {
        it(`marks nothing where the ${what} is no such thing`, async () => {
          const key = newKey()
          const own = { registry: false, budget: 1 }
          const name = outboxNames(partitionOf(key))[what]
          await spend(key, 1, { thresholds: [] })
          await redis.del(name)
          await redis.rpush(name, 'x')
          const failed = await ask(key, own).catch((error) => error)
          await redis.del(name)
          expect(failed.message).to.include('WRONGTYPE')
          expect(await redis.exists(keyName(key))).to.equal(0)
        })
      }

      it('counts what this process knows and Redis has lost', async () => {
        const key = newKey()
        const known = new Map([[totalName(key, 'total'), { epoch: 0, total: 100 }]])
        const answer = await admit(redis, 'spec', request(key, { registry: false, budget: 100 }), '', known)
        expect(answer.state).to.equal('budget')
      })
    })

    describe('reservations', () => {
      let next = 0
      const holding = (tokens: number) => reservationOf(`spec-${next++}`, tokens)
      const own = (reservation: string) => ({ registry: false, budget: 1000, reservation })
      const held = async (key: string) => Number(await redis.get(reservedName(key)))

      it('100 concurrent requests of 100 tokens: the budget of 1000 holds; without reserve all of them pass', async () => {
        const run = async (reserve: boolean): Promise<{ passed: number; total: number }> => {
          const key = newKey()
          const requests = Array.from({ length: 100 }, async () => {
            const reservation = holding(100)
            const { reservation: _, ...plain } = own(reservation)
            const { state } = await ask(key, reserve ? own(reservation) : plain)
            return { passed: state === 'admitted', reservation }
          })
          const passed = (await Promise.all(requests)).filter((one) => one.passed)
          for (const { reservation } of passed)
            await spend(key, 100, { thresholds: [], ...(reserve ? { reservation } : {}) })
          return { passed: passed.length, total: Number(await redis.get(totalName(key, 'total'))) }
        }
        expect(await run(true)).to.deep.equal({ passed: 10, total: 1000 })
        expect(await run(false)).to.deep.equal({ passed: 100, total: 10_000 })
      })

      it('settling replaces what was held by what was used, in one step, and once', async () => {
        const key = newKey()
        const reservation = holding(600)
        expect(await ask(key, own(reservation))).to.have.nested.property('quota.reserved', 600)
        expect((await ask(key, own(holding(600)))).state).to.equal('budget')
        const once = id()
        const used = usageRecord(key, 150, { thresholds: [], reservation })
        await settle(redis, { id: once, ...used, service: 'openai' })
        expect(await settle(redis, { id: once, ...used, service: 'openai' })).to.include({
          state: 'duplicate',
        })
        expect(await held(key)).to.equal(0)
        expect(await ask(key, own(holding(600)))).to.have.nested.property('quota.total', 150)
        expect(await held(key)).to.equal(600)
      })

      it('a request with nothing to count gives back what it held, once', async () => {
        const key = newKey()
        const reservation = holding(600)
        await ask(key, own(reservation))
        await ask(key, own(holding(50)))
        expect(await release(redis, key, reservation)).to.equal(true)
        expect(await release(redis, key, reservation)).to.equal(false)
        expect(await held(key)).to.equal(50)
      })

      it('what a crashed request held comes free when it expires', async () => {
        const key = newKey()
        await admit(redis, 'spec', request(key, own(holding(600))), '', undefined, 1)
        await until('the expiry', async () => (await ask(key, own(holding(1000)))).state === 'admitted')
        expect(await held(key)).to.equal(1000)
      })

      it('what expires comes free alone: others go on holding theirs, and nothing stays in Redis for ever', async () => {
        const key = newKey()
        const brief = (tokens: number) =>
          admit(redis, 'spec', request(key, own(holding(tokens))), '', undefined, 1000)
        await ask(key, own(holding(100)))
        await brief(200)
        await brief(300)
        // Else Redis would drop all of it 2 s later, whatever the script does.
        await ask(key, own(holding(50)))
        await until('the expiry', async () => (await ask(key, own(holding(850)))).state === 'admitted')
        expect(await held(key)).to.equal(1000)
        for (const name of [reservedName(key), reservationsName(key)])
          expect(await redis.pttl(name)).to.be.within(LONGEST_RESERVATION, 2 * LONGEST_RESERVATION)
      })

      it('a sum that is left alone holds nothing', async () => {
        const key = newKey()
        await ask(key, own(holding(900)))
        await redis.del(reservationsName(key))
        expect(await ask(key, own(holding(1000)))).to.have.nested.property('quota.reserved', 1000)
      })

      it('a sum that Redis has lost alone is added up again, and one that nobody holds any more goes', async () => {
        const key = newKey()
        const reservation = holding(600)
        await ask(key, own(reservation))
        await redis.del(reservedName(key))
        expect((await ask(key, own(holding(600)))).state).to.equal('budget')
        await release(redis, key, reservation)
        await until(
          'the end of the sum',
          async () => !(await redis.exists(reservedName(key), reservationsName(key))),
        )
      })

      it('a key without a budget holds nothing', async () => {
        const key = newKey()
        await ask(key, { registry: false, budget: 0, reservation: holding(600) })
        expect(await redis.exists(reservedName(key), reservationsName(key))).to.equal(0)
      })
    })
  })
