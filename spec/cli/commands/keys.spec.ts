import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { settle } from '../../../plugins/virtual-key/metering/settle.ts'
import { windowAt } from '../../../plugins/virtual-key/policy/window.ts'
import { keyName, PARTITIONS, schemaName, totalName } from '../../../plugins/virtual-key/redis/names.ts'
import { writeKey } from '../../../plugins/virtual-key/registry/write.ts'
import type { KeySettings } from '../../../schema/key.ts'
import { usageRecord } from '../../support/usage-record.ts'
import { ended, vk } from '../../support/vk.ts'
import { describeVk } from '../../support/vk-on.ts'

const HOOK = 'https://hooks.example.com/services/T0KEN'
const DAY = 86_400_000
/** Whatever a client may be called: control and direction characters, spaces, colons, what a shell or a table would trip over. */
const STRANGE = 'a:b {1}  é漢\u0000\u001b[2J\u202e"\n-'

interface Listed {
  readonly id: string
  readonly [member: string]: unknown
}

describeVk('vk keys', (on) => {
  let redis: Awaited<ReturnType<ReturnType<typeof on>['place']['connect']>>['redis']

  beforeEach(async () => {
    redis = (await on().place.connect()).redis
  })
  afterEach(() => redis.disconnect())

  const write = (id: string, settings: KeySettings) => writeKey(redis, id, settings, 'upsert', Date.now())
  const list = async () => (await on().json('keys', 'list')) as Listed[]
  const show = (id: string) => on().json('keys', 'show', id) as Promise<Listed>

  it('lists nothing where nothing is', async () => {
    expect(await on().run('keys', 'list')).to.deep.equal({ code: 0, stdout: 'none\n', stderr: '' })
    expect(await list()).to.deep.equal([])
  })

  it('lists keys with state, budget, and what was spent in the window that counts', async () => {
    await write('plain', {})
    await write('monthly', {
      scope: 'read',
      token_budget: 1000,
      window: 'month',
      alert_threshold: 100,
      alert_percents: [50],
    })
    await write('off', { disabled: true, expires_at: 1 })
    await write('late', { expires_at: Date.UTC(2026, 0, 1), one_shot: true, used_at: 1 })
    await write('once', { one_shot: true, used_at: 5 })
    const { label } = windowAt('month', Date.now())
    await redis.set(totalName('monthly', label), 123)
    await redis.set(totalName('monthly', 'total'), 999)
    await redis.set(totalName('plain', label), 7)

    const { stdout } = await on().run('keys', 'list')
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(head).to.match(/^ID +STATE +SCOPE +BUDGET +WINDOW +SPENT +THRESHOLDS +EXPIRES$/)
    expect(rows.map((row) => row.replace(/ {2,}/g, '|')).sort()).to.deep.equal([
      'late|expired|0|2026-01-01T00:00:00Z',
      'monthly|active|read|1000|month|123|100,50%',
      'off|disabled|0|1970-01-01T00:00:00.001Z',
      'once|used|0',
      'plain|active|7 (month)',
    ])
    const [monthly] = (await list()).filter(({ id }) => id === 'monthly')
    expect(monthly).to.deep.include({ state: 'active', spent: { total: 999, month: 123 }, reserved: 0 })
  })

  it('lists each of very many keys once, with its columns below the head', async () => {
    const ids = Array.from({ length: 1700 }, (_, i) => `many-${String(i).padStart(4, '0')}`)
    await Promise.all(ids.map((id) => write(id, { token_budget: 5 })))
    expect((await list()).map(({ id }) => id).sort()).to.deep.equal(ids)
    const rows = (await on().run('keys', 'list')).stdout.trimEnd().split('\n').slice(1)
    expect(rows).to.have.length(1700)
    expect(new Set(rows.map((row) => row.slice(9)))).to.deep.equal(
      new Set(['  active         5               0']),
    )
  })

  it('ends well when nobody reads on', async () => {
    await Promise.all(Array.from({ length: 1700 }, (_, i) => write(`many-${i}`, {})))
    const child = on().start('keys', 'list', '--json')
    child.stdout?.once('data', () => child.stdout?.destroy())
    const { code, stderr } = await ended(child)
    expect([code, stderr]).to.deep.equal([0, ''])
  })

  it('takes any key id, and prints nothing that a terminal would obey', async () => {
    // No command line can carry a NUL.
    const id = STRANGE.replace('\u0000', '')
    await write(id, { source: 'by \u001b]0;hand\u0007' })
    await write(STRANGE, {})
    expect((await on().run('keys', 'update', id, '--token-budget', '5')).code).to.equal(0)
    await on().run('keys', 'disable', id)
    const prints = await Promise.all([
      on().run('keys', 'list'),
      on().run('keys', 'list', '--json'),
      on().run('keys', 'show', id),
      on().run('keys', 'show', id, '--json'),
      on().run('keys', 'reset', id),
      on().run('keys', 'show', `${id}?`),
      on().run('usage', id),
    ])
    for (const { stdout, stderr } of prints) {
      expect(stdout + stderr).not.to.match(/(?!\n)[\p{Cc}\p{Cf}]/u)
    }
    expect(prints.map(({ code }) => code)).to.deep.equal([0, 0, 0, 0, 0, 1, 0])
    expect((await list()).map(({ id }) => id).sort()).to.deep.equal([STRANGE, id].sort())
    expect(await show(id)).to.include({ id, token_budget: 5, state: 'disabled' })
  })

  it('changes what is named, clears what is unset and leaves the rest', async () => {
    await write('a', { token_budget: 1, scope: 'read', service: 'openai', used_at: 5 })
    const before = Date.now()
    const options = ['--token-budget', '500', '--alert-thresholds', '10,20', '--one-shot']
    const { code, stdout } = await on().run(
      'keys',
      'update',
      'a',
      ...options,
      '--expires-in',
      '2d',
      '--unset',
      'scope,used-at',
    )
    expect([code, stdout]).to.deep.equal([0, 'key "a" is updated\n'])
    const { created_at, updated_at, expires_at, ...rest } = await show('a')
    expect(rest).to.deep.equal({
      id: 'a',
      state: 'active',
      epoch: 0,
      one_shot: true,
      token_budget: 500,
      alert_thresholds: [10, 20],
      service: 'openai',
    })
    expect(Date.parse(String(expires_at)) - before - 2 * DAY)
      .to.be.at.least(0)
      .and.at.most(Date.now() - before)
    expect(Date.parse(String(updated_at))).to.be.at.least(Date.parse(String(created_at)))

    await on().run('keys', 'update', 'a', '--expires-at', '2027-01-01T01:00:00+01:00')
    expect((await show('a')).expires_at).to.equal('2027-01-01T00:00:00Z')
    const again = await on().run('keys', 'update', 'a', '--token-budget', '500')
    expect(again.stdout).to.equal('key "a" had these settings already\n')
  })

  it('takes a span in seconds, minutes, hours or days', async () => {
    await write('a', {})
    for (const [span, length] of [
      ['45s', 45_000],
      ['30m', 1_800_000],
      ['12h', DAY / 2],
      ['2d', 2 * DAY],
    ] as const) {
      const before = Date.now()
      expect((await on().run('keys', 'update', 'a', '--expires-in', span)).code).to.equal(0)
      const at = Date.parse(String((await show('a')).expires_at))
      expect(at).to.be.within(before + length - 1000, Date.now() + length)
    }
  })

  it('keeps the path of a webhook to itself, wherever it comes from', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'virtual-key-keys-'))
    const file = join(folder, 'hook')
    writeFileSync(file, `${HOOK}\n`)
    try {
      for (const [input, ...args] of [
        ['', '--alert-webhook', HOOK],
        ['', '--alert-webhook-file', file],
        [HOOK, '--alert-webhook-file', '-'],
      ] as const) {
        await on().place.flush()
        for (let p = 0; p < PARTITIONS; p++) await redis.hset(schemaName(p), 'version', 2)
        await write('a', {})
        const ends = [await on().feed(input, 'keys', 'update', 'a', ...args)]
        expect(await redis.hget(keyName('a'), 'alert_webhook')).to.equal(HOOK)
        expect(await show('a')).to.include({ alert_webhook: 'https://hooks.example.com' })
        ends.push(await on().run('keys', 'show', 'a'), await on().run('keys', 'list', '--json'))
        for (const { stdout, stderr } of ends) expect(stdout + stderr).not.to.include('T0KEN')
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('loses none of twenty changes of one key at once', async () => {
    await write('a', {})
    const options = [
      ['--token-budget', '1'],
      ['--alert-threshold', '2'],
      ['--scope', 'read'],
      ['--window', 'day'],
      ['--service', 's'],
      ['--target', 't'],
      ['--source', 'o'],
      ['--rate-limit', '3'],
      ['--one-shot'],
      ['--alert-percents', '4'],
    ]
    const runs = [...options, ...options].map((option) => on().run('keys', 'update', 'a', ...option))
    expect(new Set((await Promise.all(runs)).map(({ code }) => code))).to.deep.equal(new Set([0]))
    expect(await show('a')).to.deep.include({
      token_budget: 1,
      alert_threshold: 2,
      scope: 'read',
      window: 'day',
      service: 's',
      target: 't',
      source: 'o',
      rate_limit: 3,
      one_shot: true,
      alert_percents: [4],
    })
  })

  it('disables and enables', async () => {
    await write('a', { token_budget: 5 })
    const say = async (command: string) => (await on().run('keys', command, 'a')).stdout
    expect(await say('disable')).to.equal('key "a" is disabled\n')
    expect(await say('disable')).to.equal('key "a" was disabled already\n')
    expect(await show('a')).to.include({ state: 'disabled', disabled: true, token_budget: 5 })
    expect(await say('enable')).to.equal('key "a" is enabled\n')
    expect(await say('enable')).to.equal('key "a" was enabled already\n')
    expect(await show('a')).to.include({ state: 'active' })
  })

  it('reset starts a key anew, registered or not: what had fired fires again', async () => {
    await write('registered', { token_budget: 5 })
    let sequence = 0
    const crossed = async (key: string) => {
      const settled = await settle(
        redis,
        { id: { processId: 'spec', sequence: sequence++ }, ...usageRecord(key, 150), service: 's' },
        undefined,
      )
      return settled.state === 'settled' && settled.crossed
    }
    for (const key of ['registered', 'unknown']) {
      expect([await crossed(key), await crossed(key)]).to.deep.equal([[100], []])
      const { code, stdout } = await on().run('keys', 'reset', key)
      expect(code).to.equal(0)
      expect(stdout).to.equal(
        `key "${key}" starts epoch 1: its totals are 0, and every threshold can be crossed again\n`,
      )
      expect(await redis.get(totalName(key, 'total'))).to.equal(null)
      expect([await crossed(key), await crossed(key)]).to.deep.equal([[100], []])
    }
    expect(await show('registered')).to.include({ token_budget: 5, epoch: 1 })
  })

  it('says that it does not know a key, and changes nothing', async () => {
    const names = await on().place.names()
    for (const args of [['show'], ['disable'], ['enable'], ['update', '--token-budget', '1'], ['reset']]) {
      const [command = '', ...options] = args
      const { code, stdout, stderr } = await on().run('keys', command, 'nobody', ...options)
      expect([code, stdout]).to.deep.equal([1, ''])
      expect(stderr).to.match(/^vk: (no )?key "nobody" is (not )?registered/)
    }
    expect((await on().place.names()).sort()).to.deep.equal(names.sort())
  })

  it('writes to no schema but its own', async () => {
    await write('a', {})
    for (const version of [1, 3]) {
      for (let p = 0; p < PARTITIONS; p++) await redis.hset(schemaName(p), 'version', version)
      for (const command of ['disable', 'reset']) {
        const { code, stderr } = await on().run('keys', command, 'a')
        expect(code).to.equal(1)
        expect(stderr).to.match(version === 1 ? /: run vk migrate$/m : /: upgrade virtual-key$/m)
      }
    }
    expect(await show('a')).to.include({ state: 'active', epoch: 0 })
  })
})

describe('vk keys', () => {
  const wrong: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['name a setting to change', []],
    ['--token-budget: "-1" is no integer', ['--token-budget=-1']],
    ['--token-budget: it is empty; --unset token_budget clears it', ['--token-budget', '']],
    ['--alert-percents: "101" is no integer from 1 to 100', ['--alert-percents', '1,101']],
    ['--window: "year" is none of total, hour', ['--window', 'year']],
    ['--expires-at: "2026-02-30T00:00:00Z" is no time', ['--expires-at', '2026-02-30T00:00:00Z']],
    ['--expires-at: "2026-12-01 10:00" is no time', ['--expires-at', '2026-12-01 10:00']],
    ['--expires-in: "3 weeks" is no time such as', ['--expires-in', '3 weeks']],
    ['not both', ['--expires-in', '3d', '--expires-at', '2027-01-01T00:00:00Z']],
    ['not both', ['--alert-webhook', 'https://example.com', '--alert-webhook-file', '-']],
    ['--alert-webhook: its 13 characters are no http', ['--alert-webhook', 'ftp://hidden/']],
    [
      'credentials do not belong among the arguments',
      ['--alert-webhook', 'https://me:hidden@hooks.example.com'],
    ],
    ['--alert-webhook-file: ENOENT', ['--alert-webhook-file', '/no/such/file']],
    ['scope is both set and cleared', ['--scope', 'read', '--unset', 'scope']],
    ['--unset: "colour" is none of disabled, expires_at', ['--unset', 'colour']],
    ["unknown option '--used-at'", ['--used-at', '1']],
    ["unknown option '--disabled'", ['--disabled']],
  ]
  for (const [message, options] of wrong)
    it(`update ${options.join(' ')} ends with 2`, async () => {
      // Nothing listens there: it has to end before it asks.
      const { code, stdout, stderr } = await vk(['keys', 'update', 'k', ...options], {
        REDIS_URL: 'redis://127.0.0.1:1',
      })
      expect([code, stdout]).to.deep.equal([2, ''])
      expect(stderr).to.include(message).and.not.to.include('hidden')
    })
})
