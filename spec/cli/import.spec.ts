import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { keyName } from '../../plugins/virtual-key/redis/names.ts'
import { describeVk } from '../support/vk-on.ts'

const TABLE = `id,scope,expires_at,target,rate_limit,source,one_shot,used,token_budget,alert_threshold,alert_webhook,key,team
vk-1,read,2027-01-01 00:00:00+00,https://api.openai.com,60,"billing, ""ops""
team",f,f,1000,100,https://hooks.example.com/T0KEN,sk-old-1,a
vk 2:é,write,,,,,t,t,,,,sk-old-2,a
vk-3,,,,,,t,2026-05-01 12:00:00,,,,,b
`
const BAD = `id,scope,token_budget
a,read,1
b,weird,-1
c,read
d,read,4
`

interface Shown {
  readonly [member: string]: unknown
}

describeVk('vk keys import', (on) => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtual-key-import-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const file = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const load = (...args: string[]) => on().run('keys', 'import', ...args)
  const show = (id: string) => on().json('keys', 'show', id) as Promise<Shown>
  const ids = async () => ((await on().json('keys', 'list')) as Shown[]).map(({ id }) => id).sort()
  const everything = async () => {
    const names = (await on().place.names()).filter((name) => name.includes(':key:')).sort()
    return Promise.all(names.map(async (name) => [name, await on().place.plain.hgetall(name)]))
  }

  it('takes a table over, and changes nothing when it is run again', async () => {
    const path = file('keys.csv', TABLE)
    const before = Date.now()
    const first = await load(path)
    expect(first).to.deep.equal({
      code: 0,
      stdout: '3 created, 0 updated, 0 unchanged, 0 bad\n',
      stderr: `${path}: team: not known, ignored\n`,
    })
    expect(await show('vk-1')).to.deep.include({
      state: 'active',
      scope: 'read',
      expires_at: '2027-01-01T00:00:00Z',
      target: 'https://api.openai.com',
      rate_limit: 60,
      source: 'billing, "ops"\nteam',
      token_budget: 1000,
      alert_threshold: 100,
      alert_webhook: 'https://hooks.example.com',
    })
    const second = await show('vk 2:é')
    expect(second).to.include({ state: 'used', scope: 'all' })
    expect(Date.parse(String(second.used_at)))
      .to.be.at.least(before)
      .and.at.most(Date.now())
    expect(await show('vk-3')).to.include({ state: 'used', used_at: '2026-05-01T12:00:00Z' })

    const stored = await everything()
    expect(stored).to.have.length(3)
    expect(JSON.stringify(stored)).to.include('T0KEN').and.not.to.include('sk-old')
    expect((await load(path)).stdout).to.equal('0 created, 0 updated, 3 unchanged, 0 bad\n')
    expect(await everything()).to.deep.equal(stored)
  })

  it('updates what differs, leaves what the file does not have, and keeps a used key used', async () => {
    await load(file('keys.csv', 'id,token_budget,one_shot,source\na,1,t,x\nb,2,t,\n'))
    await on().run('keys', 'update', 'a', '--window', 'day')
    await on().place.plain.hset(keyName('a'), 'used_at', 5)
    const { stdout } = await load(
      file('keys.csv', 'id,token_budget,used,used_at,source\na,10,f,,\nb,2,f,,\n'),
    )
    expect(stdout).to.equal('0 created, 1 updated, 1 unchanged, 0 bad\n')
    const { created_at: _, updated_at: __, ...settings } = await show('a')
    expect(settings).to.deep.equal({
      id: 'a',
      state: 'used',
      epoch: 0,
      token_budget: 10,
      one_shot: true,
      used_at: '1970-01-01T00:00:00.005Z',
      window: 'day',
    })
  })

  it('takes an empty cell and a setting that was never made for the same', async () => {
    await load(file('keys.csv', 'id\na\n'))
    const stored = await everything()
    const { stdout } = await load(file('keys.csv', 'id,source,scope,token_budget\na,,NULL,\n'))
    expect(stdout).to.match(/^0 created, 0 updated, 1 unchanged/)
    expect(await everything()).to.deep.equal(stored)
  })

  it('reads JSON lines, from a file or stdin, and tells the format by name, by option or by what is in it', async () => {
    const lines = '{"id":"a","token_budget":5,"alert_thresholds":[1,2],"used":false}\n{"id":"b","scope":null}'
    expect((await load(file('keys.jsonl', lines))).stdout).to.match(/^2 created/)
    expect((await on().feed(lines, 'keys', 'import', '-')).stdout).to.match(/2 unchanged/)
    expect((await load(file('keys.txt', lines), '--format', 'jsonl')).stdout).to.match(/2 unchanged/)
    expect((await on().feed(`\ufeff${TABLE}`, 'keys', 'import', '-')).stdout).to.match(/^3 created/)
    expect(await show('a')).to.deep.include({ token_budget: 5, alert_thresholds: [1, 2] })
  })

  it('stops at the first bad row, with what came before it', async () => {
    const path = file('bad.csv', BAD)
    expect(await load(path)).to.deep.equal({
      code: 1,
      stdout: '1 created, 0 updated, 0 unchanged, 1 bad\n',
      stderr:
        `${path}:3: scope: "weird" is neither like read nor like all\n` +
        `${path}:3: token_budget: "-1" is no integer from 0 to 9007199254740991\n` +
        'vk: stopped at a bad row, 1 was imported; --keep-going skips bad rows\n',
    })
    expect(await ids()).to.deep.equal(['a'])
  })

  it('skips bad rows when told to, and fails all the same', async () => {
    const path = file('bad.csv', BAD)
    const { code, stdout, stderr } = await load(path, '--keep-going', '--json')
    expect(code).to.equal(1)
    expect(JSON.parse(stdout)).to.deep.equal({
      created: 2,
      updated: 0,
      unchanged: 0,
      bad: 2,
      duplicates: 0,
      dry_run: false,
    })
    expect(stderr).to.include(`${path}:4: 2 values where the header names 3 columns\n`)
    expect(stderr).to.match(/\nvk: 2 rows are bad, 2 were imported\n$/)
    expect(await ids()).to.deep.equal(['a', 'd'])
  })

  it('lets the later of two lines with one id win, near or far, and names both', async () => {
    const many = Array.from({ length: 1200 }, (_, i) => `id-${i},1\n`).join('')
    const path = file('twice.csv', `id,token_budget\na,1\na,2\nb,1\n${many}b,2\n`)
    const { code, stdout, stderr } = await load(path)
    expect([code, stdout]).to.deep.equal([
      0,
      '1202 created, 2 updated, 0 unchanged, 0 bad; 2 ids came more than once\n',
    ])
    expect(stderr).to.include(`${path}:3: id: the same as in line 2; this line wins\n`)
    expect(stderr).to.include(`${path}:1205: id: the same as in line 4; this line wins\n`)
    expect((await show('a')).token_budget).to.equal(2)
    expect((await show('b')).token_budget).to.equal(2)
  })

  it('only tells what it would do with --dry-run', async () => {
    await load(file('keys.csv', 'id,token_budget,used\na,1,t\nb,1,f\n'))
    const stored = await everything()
    const path = file('other.csv', 'id,token_budget,used\na,1,t\nb,2,t\nc,1,\nd,x,\n')
    const { code, stdout, stderr } = await load(path, '--dry-run', '--keep-going')
    expect([code, stdout]).to.deep.equal([1, 'dry run: 1 created, 1 updated, 1 unchanged, 1 bad\n'])
    expect(stderr).to.match(/vk: 1 row is bad, 3 would be imported\n$/)
    expect(await everything()).to.deep.equal(stored)
    expect(await ids()).to.deep.equal(['a', 'b'])
  })

  it('prints nothing of a file that a terminal would obey', async () => {
    const path = file('odd.csv', 'id,scope\u001b[2J\u202e\n"a\u001b[2J",x\n')
    const { stdout, stderr } = await load(path, '--keep-going')
    expect(stdout + stderr).not.to.match(/(?!\n)[\p{Cc}\p{Cf}]/u)
    expect(await ids()).to.deep.equal(['a\u001b[2J'])
  })

  it('cannot read a file that is not there, nor a folder', async () => {
    const missing = await load(join(folder, 'missing.csv'))
    expect([missing.code, missing.stdout]).to.deep.equal([2, ''])
    expect(missing.stderr).to.match(/^vk: ENOENT/)
    const directory = await load(folder)
    expect([directory.code, directory.stdout]).to.deep.equal([2, ''])
    expect(directory.stderr).to.equal(`vk: ${folder} is a directory\n`)
  })

  it('says what it has done when the schema is another one', async () => {
    await on().place.flush()
    const { code, stdout, stderr } = await load(file('keys.csv', TABLE))
    expect([code, stdout]).to.deep.equal([1, ''])
    expect(stderr).to.match(/vk: Redis holds schema 0, this version writes 2: run vk migrate\n$/)
    expect(await on().place.names()).to.deep.equal([])
  })
})
