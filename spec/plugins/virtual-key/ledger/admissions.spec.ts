import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { Admissions } from '../../../../plugins/virtual-key/ledger/admissions.ts'
import { KnownTotals } from '../../../../plugins/virtual-key/ledger/known.ts'
import { lineLog } from '../../../../plugins/virtual-key/log.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { keyNames, terms } from '../../../support/settlement.ts'

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

  const open = (settler: string) =>
    new Admissions({
      link: connection.link,
      settler,
      known: new KnownTotals(),
      log: lineLog(() => undefined),
      deliver: () => undefined,
    })

  /** One request of 10 tokens that passes. */
  async function pass(admissions: Admissions, budget: number): Promise<string> {
    const keyId = newKey()
    const reservation = admissions.newReservation(10)
    const question = { refuseUnknown: false, reservation, alert: { key_id: keyId, timestamp: '' } }
    const { state } = await admissions.decide(
      { ...terms(keyId, { budget }), ...question },
      async () => 'read',
      async () => '',
    )
    expect(state).to.equal('admitted')
    return reservation
  }

  it('knows what its requests hold, and hands each out once', async () => {
    const admissions = open('one')
    const reservation = await pass(admissions, 100)
    expect(admissions.holding).to.equal(true)
    expect([admissions.take(reservation), admissions.take(reservation)]).to.deep.equal([true, false])
    expect(admissions.holding).to.equal(false)
  })

  it('takes what a process before it has admitted: the plugin server may be started anew between two phases', async () => {
    const reservation = await pass(open('before'), 100)
    expect(open('after').take(reservation)).to.equal(true)
  })

  it('remembers nothing for a key without a budget, which holds nothing', async () => {
    const admissions = open('two')
    const reservation = await pass(admissions, 0)
    expect(admissions.holding).to.equal(false)
    expect(admissions.take(reservation)).to.equal(false)
  })
})
