import { expect } from 'chai'
import { Provisioning, told } from '../../support/provisioning.ts'
import { until } from '../../support/until.ts'
import { vk } from '../../support/vk.ts'

describe('vk keys rotate', function () {
  this.timeout(60_000)

  let on: Provisioning

  before(async () => {
    on = await Provisioning.start()
  })
  after(() => on.stop())

  /** A key as `vk` makes it. */
  async function created(...options: string[]): Promise<{ id: string; key: string }> {
    const id = on.kong.newName()
    const { key = '' } = await on.json('keys', 'create', id, '--no-registry', ...options)
    return { id, key }
  }
  const byKey = async (id: string) => new Map((await on.credentials(id)).map((one) => [one.key, one]))

  it('makes a new key, shown once, and lets the old one work for the overlap', async () => {
    const { id, key } = await created()
    const plan = await on.run('keys', 'rotate', id, '--dry-run')
    expect(plan.stdout).to.match(
      /^\+ credential of consumer \S+\n~ credential [0-9a-f]{8} of consumer \S+, made \S+: ends in 1d\n~ .*complete\n$/,
    )
    expect(await on.credentials(id)).to.have.length(1)
    const { code, stdout } = await on.run('keys', 'rotate', id, '--overlap', '1h')
    expect(code).to.equal(0)
    const fresh = stdout.trimEnd().split('\n').at(-1) ?? ''
    expect(fresh)
      .to.match(/^vk_[\w-]{43}$/)
      .and.not.to.equal(key)
    const after = await byKey(id)
    expect(after.size).to.equal(2)
    expect(after.get(key)?.ttl).to.be.within(3500, 3600)
    expect(after.get(fresh)).to.deep.include({ ttl: null, tags: ['virtual-key'] })
    expect(stdout).not.to.include(key)
  })

  it('ends the old one after the overlap', async () => {
    const { id, key } = await created()
    const { key: fresh } = await on.json('keys', 'rotate', id, '--overlap', '1s')
    await until('the end of the old one', async () => !(await byKey(id)).has(key))
    expect([...(await byKey(id)).keys()]).to.deep.equal([fresh])
  })

  it('takes the old ones away at once with no overlap, also those that somebody else made', async () => {
    const { id } = await created()
    await on.kong.send('POST', `/consumers/${id}/key-auth`, { key: `${id}-theirs` })
    const report = await on.json('keys', 'rotate', id, '--overlap', '0')
    expect(told(report)).to.deep.equal([
      `create credential of consumer ${id} done`,
      `delete credential of consumer ${id} done`,
      `delete credential of consumer ${id} done`,
      `update credential of consumer ${id} done`,
    ])
    expect([...(await byKey(id)).keys()]).to.deep.equal([report.key])
  })

  it('rotates again within the overlap: each old one keeps the shorter time', async () => {
    const { id, key } = await created('--ttl', '10m')
    const { key: second = '' } = await on.json('keys', 'rotate', id, '--overlap', '1h', '--ttl', '90d')
    const { key: third = '' } = await on.json('keys', 'rotate', id, '--overlap', '30m')
    const after = await byKey(id)
    expect(after.get(key)?.ttl).to.be.within(500, 600)
    expect(after.get(second)?.ttl).to.be.within(1700, 1800)
    expect(after.get(third)?.ttl).to.equal(null)
  })

  it('with a key of the operator, finds it done the second time', async () => {
    const { id, key } = await created()
    const file = on.file(`sk-${id}`)
    const args = ['keys', 'rotate', id, '--overlap', '1h', '--key-file', file]
    const report = await on.json(...args)
    expect(report).not.to.have.property('key')
    expect([...(await byKey(id)).keys()].sort()).to.deep.equal([`sk-${id}`, key].sort())
    expect((await on.json(...args)).changes).to.deep.equal([])
  })

  it('ends with 1 where there is no such consumer, with 2 for wrong times and without an Admin API', async () => {
    const absent = await on.run('keys', 'rotate', 'absent')
    expect([absent.code, absent.stderr]).to.deep.equal([
      1,
      'vk: Kong has no consumer "absent": vk keys create makes it\n',
    ])
    for (const wrong of ['-1', '1y', '']) {
      const { code, stderr } = await on.run('keys', 'rotate', 'absent', '--overlap', wrong)
      expect([code, stderr.includes('--overlap')]).to.deep.equal([2, true])
    }
    expect((await vk(['keys', 'rotate', 'k'])).code).to.equal(2)
  })
})
