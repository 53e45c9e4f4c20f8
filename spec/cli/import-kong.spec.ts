import { expect } from 'chai'
import { AdminApiDouble } from '../support/admin-api.ts'
import { describeVk } from '../support/vk-on.ts'

const TABLE = `id,key,rate_limit,token_budget
a,sk-old-a,60,1000
b,,,
c,sk-old-c,,
`

describeVk('vk keys import --admin-url', (on) => {
  let kong: AdminApiDouble
  beforeEach(async () => {
    kong = await AdminApiDouble.start()
  })
  afterEach(() => kong.stop())

  const load = (text: string, ...options: string[]) =>
    on().feed(text, 'keys', 'import', '-', '--admin-url', kong.url, ...options)
  const credentials = () =>
    kong
      .entities('keyauth_credentials')
      .map(({ key }) => key)
      .sort()
  const writes = () => kong.requests.filter(({ method }) => method !== 'GET').length

  it('makes Kong know each key, with the credential that clients have, and changes nothing when run again', async () => {
    const { code, stdout, stderr } = await load(TABLE)
    expect([code, stderr]).to.deep.equal([
      0,
      'stdin: the rate limit holds on each Kong node for itself: no virtual-key applies, in whose Redis all of them could count together\n',
    ])
    expect(stdout).to.equal(
      '3 created, 0 updated, 0 unchanged, 0 bad\n' +
        'Kong: 3 keys provisioned, 2 credentials made; 1 key has none yet: vk keys rotate <id>\n',
    )
    expect(
      kong
        .entities('consumers')
        .map(({ username }) => username)
        .sort(),
    ).to.deep.equal(['a', 'b', 'c'])
    expect(credentials()).to.deep.equal(['sk-old-a', 'sk-old-c'])
    const [limit, ...others] = kong.entities('plugins')
    expect(others).to.deep.equal([])
    expect(limit).to.deep.include({ name: 'rate-limiting' })
    expect(limit?.config).to.deep.include({ minute: 60 })

    const before = writes()
    const again = await load(TABLE, '--json')
    expect(JSON.parse(again.stdout)).to.include({
      unchanged: 3,
      provisioned: 0,
      credentials: 0,
      without_credential: 1,
    })
    expect(writes()).to.equal(before)
    // Secrets go to Kong alone.
    const stored = await Promise.all(
      (await on().place.names())
        .filter((name) => name.includes(':key:'))
        .map((name) => on().place.plain.hgetall(name)),
    )
    expect(stored).to.have.length(3)
    expect(JSON.stringify(stored) + stdout + again.stdout + again.stderr).not.to.include('sk-old')
  })

  it('takes the id for the key where it was, and a changed rate limit over', async () => {
    await load(TABLE, '--key-from-id')
    expect(credentials()).to.deep.equal(['b', 'sk-old-a', 'sk-old-c'])
    const { stdout } = await load(TABLE.replace('60', '30'), '--key-from-id')
    expect(stdout).to.match(/^0 created, 1 updated, 2 unchanged, 0 bad\nKong: 1 key provisioned, 0 cred/)
    const [limit] = kong.entities('plugins')
    expect(limit?.config).to.deep.include({ minute: 30 })
  })

  it('keeps the credential of a key that was rotated since', async () => {
    await load(TABLE)
    const rotated = await on().run('keys', 'rotate', 'a', '--admin-url', kong.url, '--overlap', '0')
    expect(rotated.code).to.equal(0)
    const keys = credentials()
    expect(keys).to.have.length(2).and.not.to.include('sk-old-a')
    expect((await load(TABLE)).code).to.equal(0)
    expect(credentials()).to.deep.equal(keys)
  })

  it('tells the row that Kong does not take, without its secret, and goes on when told to', async () => {
    const { code, stdout, stderr } = await load(
      'id,key\na,sk-same\n..,sk-x\nb,sk-same\nc,sk with blanks\nd,sk-d\n',
      '--keep-going',
    )
    expect(code).to.equal(1)
    expect(stdout).to.match(/^2 created, 0 updated, 0 unchanged, 3 bad\nKong: 2 keys/)
    expect(stderr).to.include('stdin:3: id: Kong has no path for it: in a path it is a step and no name\n')
    expect(stderr).to.match(/^stdin:[24]: another consumer has this key already$/m)
    expect(stderr).to.include('stdin:5: key: its 14 characters are not one word of printable ASCII\n')
    expect(stderr).not.to.include('sk-').and.not.to.include('blanks')
    expect(credentials()).to.deep.equal(['sk-d', 'sk-same'])
  })

  it('goes on where it was stopped', async () => {
    kong.fault = (write) => (write >= 3 ? 'cut before' : undefined)
    const first = await load(TABLE)
    expect(first.code).to.equal(3)
    kong.fault = () => undefined
    expect((await load(TABLE)).code).to.equal(0)
    expect(credentials()).to.deep.equal(['sk-old-a', 'sk-old-c'])
    expect(kong.entities('plugins')).to.have.length(1)
  })

  it('only tells what it would do with --dry-run', async () => {
    const { stdout } = await load(TABLE, '--dry-run')
    expect(stdout).to.equal(
      'dry run: 3 created, 0 updated, 0 unchanged, 0 bad\n' +
        'dry run: Kong: 3 keys provisioned, 2 credentials made; 1 key has none yet: vk keys rotate <id>\n',
    )
    expect(writes()).to.equal(0)
  })

  it('leaves a Kong without a database to its kong.yml', async () => {
    kong.database = 'off'
    const { code, stderr } = await load(TABLE)
    expect(code).to.equal(2)
    expect(stderr).to.include('runs without a database').and.to.include('import without --admin-url')
    expect((await on().feed(TABLE, 'keys', 'import', '-', '--key-from-id')).code).to.equal(2)
  })
})
