import { expect } from 'chai'
import { Redis } from 'ioredis'
import { DoctorContext } from '../../../cli/doctor/context.ts'
import { deniedBy, judgeRights, lookAtRights, type RightsFacts } from '../../../cli/doctor/redis-rights.ts'
import { PrivateRedis } from '../../../dev/redis.ts'
import { leastRules, PLUGIN_SERVER_RIGHTS, VK_RIGHTS } from '../../../plugins/virtual-key/redis/rights.ts'
import { redisConfig } from '../../support/connection.ts'
import { doctor, told } from './doctor.ts'
import { expectJudged } from './expected.ts'

describe('vk doctor on the rights of its Redis user', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let admin: Redis
  let env: Record<string, string>

  // The user is called as docs/operations.md calls it: Redis repeats the name where it denies a command.
  before(async () => {
    redis = await PrivateRedis.start()
    admin = new Redis(redis.port)
    env = { REDIS_URL: `redis://virtual-key:p4ss@127.0.0.1:${redis.port}` }
  })

  after(async () => {
    admin.disconnect()
    await redis.stop()
  })

  const allow = (...rules: string[]) => admin.acl('SETUSER', 'virtual-key', 'reset', 'on', '>p4ss', ...rules)
  const least = leastRules([...PLUGIN_SERVER_RIGHTS, ...VK_RIGHTS, 'acl|whoami'])

  async function rights(): Promise<RightsFacts> {
    const context = new DoctorContext({
      redis: redisConfig(redis.port, { username: 'virtual-key', password: 'p4ss' }),
      admin: undefined,
      signers: undefined,
      timeout: 10_000,
    })
    try {
      return await lookAtRights(context)
    } finally {
      // Closing the context would end the HTTP client of this whole process.
      await context.redis().then((connection) => connection.disconnect())
    }
  }

  it('the least of them are enough', async () => {
    await allow(...least)
    expect(told(await doctor(env), 'redis-rights')).to.equal(
      'ok: user virtual-key may do all that a plugin server does',
    )
  })

  it('each one that is missing is named, with the rule that gives it, and looking changes nothing', async () => {
    for (const right of PLUGIN_SERVER_RIGHTS) {
      // Without these nothing at all can be looked at; and a server without a cluster has no slots.
      if (['info', 'select', 'cluster|slots', 'client|setname'].includes(right)) continue
      await allow(...least, `-${right}`)
      const found = judgeRights(await rights())
      expectJudged(found, [['fail', `user virtual-key may not call ${right}:`]])
      expect(found[0]?.advice).to.include(`ACL SETUSER virtual-key +${right};`)
    }
    expect(await admin.keys('*')).to.deep.equal([])
  })

  it('keys that the user may not touch are noticed too', async () => {
    await allow(...least, 'resetkeys', '~other:*')
    expect(told(await doctor(env), 'redis-rights')).to.include('user virtual-key may not touch the keys vk:*')
  })

  // The texts of Redis 6.2, 7.0 and 7.2, of which only one is at hand.
  const texts: ReadonlyArray<readonly [string, ReturnType<typeof deniedBy>]> = [
    ["NOPERM this user has no permissions to run the 'xadd' command or its subcommand", 'command'],
    ["NOPERM this user has no permissions to run the 'xadd' command", 'command'],
    ["NOPERM User virtual-key has no permissions to run the 'xadd' command", 'command'],
    ['NOPERM this user has no permissions to access one of the keys used as arguments', 'keys'],
    ['NOPERM No permissions to access a key', 'keys'],
    ["READONLY You can't write against a read only replica.", undefined],
  ]
  for (const [text, denied] of texts)
    it(`${text} denies ${denied ?? 'nothing'}`, () => expect(deniedBy(text)).to.equal(denied))

  it('names nobody where it may not ask who it is', () => {
    expectJudged(judgeRights({ user: undefined, denied: ['time'], keys: true }), [
      ['fail', 'this user may not call time, nor touch the keys vk:*'],
    ])
  })
})
