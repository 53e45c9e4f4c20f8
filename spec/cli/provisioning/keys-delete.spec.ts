import { expect } from 'chai'
import { keyName, totalName } from '../../../plugins/virtual-key/redis/names.ts'
import { Provisioning, told } from '../../support/provisioning.ts'
import { vk } from '../../support/vk.ts'

describe('vk keys delete', function () {
  this.timeout(60_000)

  let on: Provisioning

  before(async () => {
    on = await Provisioning.start()
  })
  beforeEach(async () => {
    await on.redis.flushall()
  })
  after(() => on.stop())

  it('prints its plan, and wants --yes to do it', async () => {
    const id = on.kong.newName()
    await on.json('keys', 'create', id, '--registry', '--rate-limit', '5')
    await on.redis.set(totalName(id, 'total'), 7)
    const asked = await on.run('keys', 'delete', id, '--registry')
    expect([asked.code, asked.stderr]).to.deep.equal([
      2,
      'vk: nothing was deleted: repeat the command with --yes\n',
    ])
    expect((await on.run('keys', 'delete', id, '--registry', '--dry-run')).code).to.equal(0)
    expect(await on.credentials(id)).to.have.length(1)
    const report = await on.json('keys', 'delete', id, '--registry', '--yes')
    const planned = asked.stdout.trimEnd().split('\n')
    expect(planned).to.have.length(report.changes.length)
    expect(told(report)).to.deep.equal([
      `delete credential of consumer ${id} done`,
      `delete plugin rate-limiting of consumer ${id} done`,
      `delete consumer ${id} done`,
      `delete registry record ${id} done`,
    ])
    expect(await on.kong.get(`/consumers/${id}`)).to.equal(undefined)
    expect(Object.keys(await on.redis.hgetall(keyName(id)))).to.deep.equal(['epoch'])
    expect(await on.redis.get(totalName(id, 'total'))).to.equal(null)
    for (const option of ['--yes', '--dry-run']) {
      const { code, stdout, stderr } = await on.run('keys', 'delete', id, '--registry', option)
      expect([code, stdout, stderr]).to.deep.equal([
        1,
        '',
        `vk: there is no key "${id}": neither the registry nor Kong knows it\n`,
      ])
    }
  })

  it('leaves a consumer that somebody else made, with what is theirs', async () => {
    const id = on.kong.newName()
    await on.kong.send('POST', '/consumers', { username: id })
    await on.kong.send('POST', `/consumers/${id}/key-auth`, { key: `${id}-theirs` })
    const config = { minute: 9 }
    await on.kong.send('POST', `/consumers/${id}/plugins`, { name: 'rate-limiting', config })
    await on.json('keys', 'create', id, '--no-registry', '--alert-threshold', '5')
    const report = await on.json('keys', 'delete', id, '--no-registry', '--yes')
    expect(told(report)).to.deep.equal([
      `delete credential of consumer ${id} done`,
      `delete plugin virtual-key of consumer ${id} done`,
    ])
    expect(report.notes).to.deep.equal([
      `consumer ${id} was not made by vk: it stays, and so do 1 of its credentials`,
    ])
    expect((await on.credentials(id)).map(({ key }) => key)).to.deep.equal([`${id}-theirs`])
    expect(await on.plugin(`/consumers/${id}`, 'rate-limiting')).to.include({ enabled: true })
  })

  it('says that a record stays where no plugin reads the registry', async function () {
    // On a real Kong, other specs may have left one that does.
    if (!on.kong.double) return this.skip()
    const id = on.kong.newName()
    await on.json('keys', 'create', id, '--registry')
    const { code, stderr } = await on.run('keys', 'delete', id, '--yes')
    expect([code, stderr]).to.deep.equal([
      0,
      'virtual-key warn: no configuration reads the registry: a record of the key there, if any, stays (--registry takes it too)\n',
    ])
    expect(await on.redis.exists(keyName(id))).to.equal(1)
    expect((await on.run('keys', 'delete', id, '--yes', '--registry')).code).to.equal(0)
    expect(await on.redis.hget(keyName(id), 'created_at')).to.equal(null)
  })

  it('looks into the registry where a plugin reads it', async () => {
    const [id, { name }] = [on.kong.newName(), await on.kong.newService()]
    const config = { registry: true }
    await on.kong.send('POST', `/services/${name}/plugins`, { name: 'virtual-key', config })
    await on.json('keys', 'create', id, '--service', name)
    const report = await on.json('keys', 'delete', id, '--yes')
    expect(told(report).at(-1)).to.equal(`delete registry record ${id} done`)
  })

  it('takes the record alone without an Admin API', async () => {
    const connection = { REDIS_URL: `redis://127.0.0.1:${on.redisPort}` }
    await vk(['keys', 'create', 'alone'], connection)
    const { code, stdout } = await vk(['keys', 'delete', 'alone', '--yes'], connection)
    expect([code, stdout]).to.deep.equal([
      0,
      '- registry record alone: with its totals of the open windows\n',
    ])
    expect((await vk(['keys', 'delete', 'alone', '--no-registry'], connection)).code).to.equal(2)
  })
})
