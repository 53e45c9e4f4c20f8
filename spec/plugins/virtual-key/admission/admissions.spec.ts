import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { Admissions } from '../../../../plugins/virtual-key/admission/admissions.ts'
import { CounterSnapshots } from '../../../../plugins/virtual-key/metering/counter-snapshots.ts'
import { reservedName } from '../../../../plugins/virtual-key/redis/names.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { SwallowingProxy } from '../../../support/swallowing-proxy.ts'
import { keyNames, policy } from '../../../support/usage-record.ts'

describe('Admissions', function () {
  this.timeout(60_000)

  let server: PrivateRedis
  let connection: Connected
  const newKey = keyNames('admissions')

  before(async () => {
    server = await PrivateRedis.start()
    connection = await connected(server.port)
  })

  after(async () => {
    connection?.redis.disconnect()
    await server?.stop()
  })

  const open = (processId: string, options: { readonly mostOpen?: number } = {}) =>
    new Admissions({
      ...options,
      link: connection.link,
      processId,
      known: new CounterSnapshots(),
      deliver: () => undefined,
    })

  /** One request of 10 tokens that passes. */
  async function pass(admissions: Admissions, budget: number): Promise<string> {
    const keyId = newKey()
    const reservation = admissions.newReservation(10)
    const request = { denyUnknown: false, reservation, alert: { key_id: keyId, timestamp: '' } }
    const { state } = await admissions.decide(
      { ...policy(keyId, { budget }), ...request },
      async () => 'read',
      async () => '',
    )
    expect(state).to.equal('admitted')
    return reservation
  }

  it('knows what its requests hold, and hands each out once', async () => {
    const admissions = open('one')
    const reservation = await pass(admissions, 100)
    expect(admissions.reserving).to.equal(true)
    expect([admissions.take(reservation), admissions.take(reservation)]).to.deep.equal([true, false])
    expect(admissions.reserving).to.equal(false)
  })

  it('remembers no more requests than it may, the latest ones', async () => {
    const admissions = open('full', { mostOpen: 2 })
    const all = [await pass(admissions, 100), await pass(admissions, 100), await pass(admissions, 100)]
    expect(all.map((one) => admissions.take(one))).to.deep.equal([false, true, true])
  })

  it('takes what a process before it has admitted: the plugin server may be started anew between two phases', async () => {
    const reservation = await pass(open('before'), 100)
    expect(open('after').take(reservation)).to.equal(true)
  })

  it('knows of what it may hold where the answer was lost: it is given back like any other', async () => {
    const proxy = await SwallowingProxy.start(server.port)
    const lossy = await connected(proxy.port, { timeout: 300 })
    const admissions = new Admissions({
      link: lossy.link,
      processId: 'lossy',
      known: new CounterSnapshots(),
      deliver: () => undefined,
    })
    const keyId = newKey()
    const reservation = admissions.newReservation(10)
    const request = { denyUnknown: false, reservation, alert: { key_id: keyId, timestamp: '' } }
    proxy.swallow = true
    const decision = await admissions.decide(
      { ...policy(keyId, { budget: 100 }), ...request },
      async () => 'read',
      async () => '',
    )
    proxy.swallow = false
    expect(decision).to.include({ state: 'unavailable', asked: true })
    expect(await connection.redis.get(reservedName(keyId))).to.equal('10')
    expect(admissions.take(reservation)).to.equal(true)
    lossy.redis.disconnect()
    await proxy.stop()
  })

  it('remembers nothing for a key without a budget, which holds nothing', async () => {
    const admissions = open('two')
    const reservation = await pass(admissions, 0)
    expect(admissions.reserving).to.equal(false)
    expect(admissions.take(reservation)).to.equal(false)
  })
})
