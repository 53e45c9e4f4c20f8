import { expect } from 'chai'
import { Redis } from 'ioredis'
import { judgeRights, lookAtRights, type RightsFacts } from '../../../cli/doctor/redis-rights.ts'
import { Seat } from '../../../cli/doctor/seat.ts'
import { PrivateRedis } from '../../../dev/redis.ts'
import { leastRules, PLUGIN_SERVER_RIGHTS, VK_RIGHTS } from '../../../plugins/virtual-key/redis-rights.ts'
import { redisConfig } from '../../support/connection.ts'
import { doctor, told } from './doctor.ts'
import { expectJudged } from './expected.ts'

describe('vk doctor on the rights of its Redis user', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let admin: Redis
  let env: Record<string, string>

  before(async () => {
    redis = await PrivateRedis.start()
    admin = new Redis(redis.port)
    env = { REDIS_URL: `redis://gateway:p4ss@127.0.0.1:${redis.port}` }
  })

  after(async () => {
    admin.disconnect()
    await redis.stop()
  })

  const allow = (...rules: string[]) => admin.acl('SETUSER', 'gateway', 'reset', 'on', '>p4ss', ...rules)
  const least = leastRules([...PLUGIN_SERVER_RIGHTS, ...VK_RIGHTS, 'acl|whoami'])

  async function rights(): Promise<RightsFacts> {
    const seat = new Seat({
      redis: redisConfig(redis.port, { username: 'gateway', password: 'p4ss' }),
      admin: undefined,
      signers: undefined,
      patience: 10_000,
    })
    try {
      return await lookAtRights(seat)
    } finally {
      // Closing the seat would end the HTTP client of this whole process.
      await seat.redis().then((connection) => connection.disconnect())
    }
  }

  it('the least of them are enough', async () => {
    await allow(...least)
    expect(told(await doctor(env), 'redis-rights')).to.equal(
      'ok: user gateway may do all that a plugin server does',
    )
  })

  it('each one that is missing is named, with the rule that gives it, and looking changes nothing', async () => {
    for (const right of PLUGIN_SERVER_RIGHTS) {
      // Without these nothing at all can be looked at; and a server without a cluster has no slots.
      if (['info', 'select', 'cluster|slots', 'client|setname'].includes(right)) continue
      await allow(...least, `-${right}`)
      const found = judgeRights(await rights())
      expectJudged(found, [['fail', `user gateway may not call ${right}:`]])
      expect(found[0]?.advice).to.include(`ACL SETUSER gateway +${right};`)
    }
    expect(await admin.keys('*')).to.deep.equal([])
  })

  it('keys that the user may not touch are noticed too', async () => {
    await allow(...least, 'resetkeys', '~other:*')
    expect(told(await doctor(env), 'redis-rights')).to.include('user gateway may not touch the keys vk:*')
  })

  it('names nobody where it may not ask who it is', () => {
    expectJudged(judgeRights({ user: undefined, denied: ['time'], keys: true }), [
      ['fail', 'this user may not call time, nor touch the keys vk:*'],
    ])
  })
})
