import { expect } from 'chai'
import { Provisioning } from '../../support/provisioning.ts'
import { vk } from '../../support/vk.ts'

describe('vk keys update of a rate limit', function () {
  this.timeout(60_000)

  let on: Provisioning

  before(async () => {
    on = await Provisioning.start()
  })
  beforeEach(async () => {
    await on.redis.flushall()
  })
  after(() => on.stop())

  const limitOf = async (id: string) => (await on.plugin(`/consumers/${id}`, 'rate-limiting'))?.config.minute

  it('changes it in Kong, where it is kept, and takes it away', async () => {
    const id = on.kong.newName()
    await on.json('keys', 'create', id, '--registry', '--rate-limit', '60')
    const { code, stdout } = await on.run('keys', 'update', id, '--rate-limit', '30')
    expect(code).to.equal(0)
    expect(stdout).to.include('config.minute 60 → 30')
    expect(await limitOf(id)).to.equal(30)
    expect((await on.run('keys', 'update', id, '--unset', 'rate_limit')).code).to.equal(0)
    expect(await limitOf(id)).to.equal(undefined)
  })

  it('leaves a limit that somebody else made, and says so', async () => {
    const id = on.kong.newName()
    await on.json('keys', 'create', id, '--registry')
    await on.kong.send('POST', `/consumers/${id}/plugins`, { name: 'rate-limiting', config: { minute: 9 } })
    const { code, stderr } = await on.run('keys', 'update', id, '--unset', 'rate_limit')
    expect(code).to.equal(0)
    expect(stderr).to.include('was not made by vk: it stays')
    expect(await limitOf(id)).to.equal(9)
  })

  it('says without an Admin API that Kong does not know, and of a key that Kong does not know', async () => {
    const id = on.kong.newName()
    await on.json('keys', 'create', id, '--registry')
    const alone = await vk(['keys', 'update', id, '--rate-limit', '30'], {
      REDIS_URL: `redis://127.0.0.1:${on.redisPort}`,
    })
    expect([alone.code, alone.stderr.includes('give --admin-url')]).to.deep.equal([0, true])
    await on.kong.send('DELETE', `/consumers/${id}`)
    const gone = await on.run('keys', 'update', id, '--rate-limit', '30')
    expect([gone.code, gone.stderr.includes('has no consumer')]).to.deep.equal([1, true])
  })
})
