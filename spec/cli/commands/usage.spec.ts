import { expect } from 'chai'
import { type WindowKind, windowAt } from '../../../plugins/virtual-key/policy/window.ts'
import { keyName, reservedName, totalName } from '../../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../../plugins/virtual-key/redis/script.ts'
import { writeKey } from '../../../plugins/virtual-key/registry/write.ts'
import type { KeySettings } from '../../../schema/key.ts'
import { describeVk } from '../../support/vk-on.ts'

interface Usage {
  readonly windows: ReadonlyArray<{ readonly window: WindowKind; readonly ends?: string }>
}

describeVk('vk usage', (on) => {
  let redis: Connection

  beforeEach(async () => {
    redis = (await on().place.connect()).link.redis
  })
  afterEach(() => redis.disconnect())

  const write = (settings: KeySettings) => writeKey(redis, 'a', settings, 'upsert', Date.now())
  const spend = (kind: WindowKind, tokens: number) =>
    redis.incrby(totalName('a', windowAt(kind, Date.now()).label), tokens)
  const usage = async () => (await on().json('usage', 'a')) as Usage
  const row = async (kind: WindowKind) => {
    const { ends: _, ...rest } = (await usage()).windows.find(({ window }) => window === kind) ?? {}
    return rest
  }

  it('tells every open window and when it ends, also of a key that is not registered', async () => {
    await spend('total', 30)
    await spend('month', 20)
    await redis.set(reservedName('a'), 4)
    const now = Date.now()
    const { windows, ...rest } = await usage()
    expect(rest).to.deep.equal({ id: 'a', registered: false, reserved: 4 })
    expect(windows.map(({ ends: _, ...one }) => one)).to.deep.equal([
      { window: 'total', tokens: 30 },
      { window: 'hour', tokens: 0 },
      { window: 'day', tokens: 0 },
      { window: 'week', tokens: 0 },
      { window: 'month', tokens: 20 },
    ])
    for (const { window, ends } of windows) {
      if (window === 'total') expect(ends).to.equal(undefined)
      // The window that was open when the question was asked, or the next.
      else
        expect([windowAt(window, now).end, windowAt(window, Date.now()).end]).to.include(
          Date.parse(String(ends)),
        )
    }
    const { stdout } = await on().run('usage', 'a')
    expect(stdout).to.match(/^WINDOW +TOKENS +BUDGET +REMAINING +ENDS\ntotal +30 +never\nhour +0 +\d{4}-/)
    expect(stdout).to.match(/\nreserved by requests under way: 4\nnot registered: /)
  })

  it("tells what remains in the record's own window, without what is reserved", async () => {
    await write({ token_budget: 1000, window: 'month' })
    await spend('total', 30)
    await spend('month', 20)
    await redis.set(reservedName('a'), 4)
    expect(await usage()).to.deep.include({
      registered: true,
      token_budget: 1000,
      window: 'month',
      reserved: 4,
    })
    expect(await row('month')).to.deep.equal({ window: 'month', tokens: 20, remaining: 976 })
    expect(await row('total')).to.deep.equal({ window: 'total', tokens: 30 })
    await spend('month', 5000)
    expect(await row('month')).to.deep.include({ tokens: 5020, remaining: 0 })
    const { stdout } = await on().run('usage', 'a')
    expect(stdout)
      .to.match(/\nmonth +5020 +1000 +0 +\d{4}/)
      .and.not.to.include('not registered')
  })

  it('tells what would remain in each window where the configuration decides which it is', async () => {
    await write({ token_budget: 100 })
    await spend('total', 30)
    expect(await row('total')).to.deep.include({ remaining: 70 })
    expect(await row('week')).to.deep.include({ remaining: 100 })
  })

  it('knows a registered key that has spent nothing, and one whose windows have all ended', async () => {
    await write({ token_budget: 0 })
    expect(await row('total')).to.deep.equal({ window: 'total', tokens: 0 })
    await spend('total', 30)
    await on().run('keys', 'reset', 'a')
    await redis.hdel(keyName('a'), 'created_at')
    expect(await row('total')).to.deep.equal({ window: 'total', tokens: 0 })
  })

  it('says that it does not know a key', async () => {
    const { code, stdout, stderr } = await on().run('usage', 'a')
    expect([code, stdout]).to.deep.equal([1, ''])
    expect(stderr).to.equal('vk: key "a" is not registered and has spent nothing\n')
  })
})
