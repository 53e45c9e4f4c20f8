import { expect } from 'chai'
import { Redial } from '../../../../plugins/virtual-key/redis/redial.ts'

describe('Redial', () => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })
  const readOnly = reply(
    "READONLY You can't write against a read only replica. script: 1a, on @user_script:1.",
  )

  function redialAt(): { redial: Redial; clock: { now: number }; said: string[] } {
    const clock = { now: 0 }
    const said: string[] = []
    return {
      redial: new Redial(
        () => clock.now,
        (reason) => said.push(reason),
      ),
      clock,
      said,
    }
  }

  for (const message of [
    readOnly.message,
    // Before Redis 7.
    "ERR Error running script (call to f_1a): @user_script:9: @user_script: 9: -READONLY You can't write against a read only replica.",
    'LOADING Redis is loading the dataset in memory',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'NOREPLICAS Not enough good replicas to write.',
    'NOAUTH Authentication required.',
  ]) {
    it(`connects anew after ${message.slice(0, 70)}`, () => {
      expect(redialAt().redial.after(reply(message))).to.equal(true)
    })
  }

  for (const message of [
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Redis is configured to save RDB snapshots',
    'BUSY Redis is busy running a script.',
    'CLUSTERDOWN Hash slot not served',
    'NOSCRIPT No matching script.',
    "ERR The user executing the script can't run this command or subcommand",
    'WRONGTYPE Operation against a key holding the wrong kind of value',
  ]) {
    it(`keeps the connection after ${message.slice(0, 70)}, which another would not help`, () => {
      expect(redialAt().redial.after(reply(message))).to.equal(false)
    })
  }

  it('leaves half a second between two, and says the reason once a minute', () => {
    const { redial, clock, said } = redialAt()
    const redialled = Array.from({ length: 600 }, (_, i) => {
      clock.now = 100 * i
      return redial.after(readOnly)
    })
    expect(redialled.slice(0, 11)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => i % 5 === 0))
    expect(redialled.filter(Boolean)).to.have.length(120)
    expect(said).to.deep.equal([readOnly.message])
    clock.now = 60_000
    expect(redial.after(readOnly)).to.equal(true)
    expect(said).to.have.length(2)
  })
})
