import { expect } from 'chai'
import { type PluginSeen, Provisioning, told } from '../../support/provisioning.ts'
import { vk } from '../../support/vk.ts'

describe('vk plugin', function () {
  this.timeout(60_000)

  let on: Provisioning

  before(async () => {
    on = await Provisioning.start()
  })
  after(() => on.stop())

  it('enables virtual-key and key-auth on a route, changes it, switches it off and on, and takes it away', async () => {
    const { name } = await on.kong.newService()
    const place = ['--route', name]
    const args = [
      'plugin',
      'enable',
      ...place,
      '--set',
      'redis.host=redis.internal',
      '--set',
      'registry=true',
    ]
    expect(told(await on.json(...args, '--dry-run'))).to.deep.equal([
      `create plugin virtual-key of route ${name} planned`,
      `create plugin key-auth of route ${name} planned`,
    ])
    expect(await on.plugin(`/routes/${name}`, 'key-auth')).to.equal(undefined)
    const { code, stdout, stderr } = await on.run(...args)
    expect([code, stderr, stdout]).to.deep.equal([
      0,
      '',
      `+ plugin virtual-key of route ${name}: config.redis.host redis.internal, config.registry true\n+ plugin key-auth of route ${name}: config.hide_credentials true\n`,
    ])
    expect((await on.json(...args)).changes).to.deep.equal([])
    const change = await on.run(
      'plugin',
      'enable',
      ...place,
      '--set',
      'redis.port=7000',
      '--set',
      'alert_thresholds=5,6',
    )
    expect(change.stdout).to.include(
      `~ plugin virtual-key of route ${name}: config.redis.port 6379 → 7000, config.alert_thresholds unset → [5,6]\n`,
    )
    const { config } = (await on.plugin(`/routes/${name}`, 'virtual-key')) as PluginSeen
    expect(config.redis).to.include({ host: 'redis.internal', port: 7000 })

    expect((await on.run('plugin', 'disable', ...place)).stdout).to.equal(
      `~ plugin virtual-key of route ${name}: enabled true → false\n`,
    )
    expect(await on.plugin(`/routes/${name}`, 'virtual-key')).to.include({ enabled: false })
    expect((await on.json('plugin', 'disable', ...place)).changes).to.deep.equal([])
    expect((await on.json('plugin', 'enable', ...place)).changes).to.have.length(1)
    expect(await on.plugin(`/routes/${name}`, 'virtual-key')).to.include({ enabled: true })

    expect((await on.json('plugin', 'disable', ...place, '--remove')).changes).to.have.length(1)
    expect(await on.plugin(`/routes/${name}`, 'virtual-key')).to.equal(undefined)
    expect(await on.plugin(`/routes/${name}`, 'key-auth')).to.include({ enabled: true })
    expect((await on.json('plugin', 'disable', ...place, '--remove')).changes).to.deep.equal([])
  })

  it('is content with key-auth from further out, and with another plugin that says who calls', async () => {
    const { name } = await on.kong.newService()
    const first = await on.json('plugin', 'enable', '--service', name)
    expect(told(first)).to.deep.equal([
      `create plugin virtual-key of service ${name} done`,
      `create plugin key-auth of service ${name} done`,
    ])
    const inner = await on.json('plugin', 'enable', '--route', name)
    expect(told(inner)).to.deep.equal([`create plugin virtual-key of route ${name} done`])
    expect(inner.kept).to.deep.equal([`plugin key-auth, from further out than route ${name}`])

    const other = await on.kong.newService()
    await on.kong.send('POST', `/routes/${other.name}/plugins`, { name: 'basic-auth' })
    const beside = await on.json(
      'plugin',
      'enable',
      '--route',
      other.name,
      '--set',
      'redis.host=redis.internal',
    )
    expect(told(beside)).to.deep.equal([`create plugin virtual-key of route ${other.name} done`])
    expect(beside.notes).to.deep.equal([
      `basic-auth says who calls on route ${other.name}: key-auth is left out`,
    ])
    const third = await on.kong.newService()
    const alone = await on.json('plugin', 'enable', '--route', third.name, '--no-key-auth')
    expect(alone.changes).to.have.length(1)
  })

  it('works for all requests', async () => {
    const { code, stdout } = await on.run(
      'plugin',
      'enable',
      '--global',
      '--no-key-auth',
      '--set',
      'token_budget=0',
    )
    expect([code, stdout]).to.deep.equal([
      0,
      `+ plugin virtual-key of all requests: config.token_budget 0, config.redis.host 127.0.0.1, config.redis.port ${on.redisPort}\n`,
    ])
    const gone = await on.json('plugin', 'disable', '--global', '--remove')
    expect(told(gone)).to.deep.equal(['delete plugin virtual-key of all requests done'])
  })

  it('takes a whole configuration from a file or stdin, with secrets, and shows none of them', async () => {
    const { name } = await on.kong.newService()
    const config = {
      alert_webhook: 'https://hooks.example.com/T0KEN',
      webhook: { secrets: ['whsec_c2VjcmV0'] },
      redis: { password: 'p4ss', cluster_nodes: [{ ip: '10.0.0.1' }] },
    }
    const args = ['plugin', 'enable', '--route', name, '--no-key-auth', '--config']
    const first = await on.feed(JSON.stringify(config), ...args, '-')
    expect([first.code, first.stderr, first.stdout]).to.deep.equal([
      0,
      '',
      `+ plugin virtual-key of route ${name}: config.alert_webhook https://hooks.example.com, config.webhook.secrets (hidden), config.redis.password (hidden), config.redis.cluster_nodes [{"ip":"10.0.0.1"}]\n`,
    ])
    const plugin = (await on.plugin(`/routes/${name}`, 'virtual-key')) as PluginSeen
    expect(plugin.config.alert_webhook).to.equal(config.alert_webhook)
    expect(plugin.config.webhook).to.deep.include(config.webhook)
    expect((await on.json(...args, on.file(JSON.stringify(config)))).changes).to.deep.equal([])
    const report = await on.json(...args, on.file('{"redis":{"password":"0ther"}}'))
    expect(report.changes[0]?.fields).to.deep.equal([
      { field: 'config.redis.password', from: '(hidden)', to: '(hidden)' },
    ])
  })

  it('tells what Kong finds wrong, field by field, and has changed nothing', async () => {
    const { name } = await on.kong.newService()
    const config = {
      alert_webhook: 'ftp://T0KEN',
      webhook: { timeout: 5, colour: 'red' },
      alert_thresholds: [5, 'a'],
      windows: 'day',
    }
    const { code, stderr } = await on.run(
      ...['plugin', 'enable', '--route', name, '--config', on.file(JSON.stringify(config))],
    )
    expect(code).to.equal(1)
    for (const problem of [
      'config.alert_webhook: invalid value;',
      'config.webhook.timeout: value should be between 100 and 60000',
      'config.webhook.colour: unknown field',
      'expected an integer',
      'config.windows: unknown field',
      '; 0 of 2 changes are made\n',
    ])
      expect(stderr).to.include(problem)
    expect(stderr).not.to.include('T0KEN')
    expect(await on.kong.list(`/routes/${name}/plugins`)).to.deep.equal([])
  })

  const wrong: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['give one of --route, --service and --global', ['--json']],
    ['give one of --route, --service and --global', ['--route', 'a', '--global']],
    ['--set: it is not name=value', ['--global', '--set', 'registry']],
    ['the configuration has no field "registri"', ['--global', '--set', 'registri=true']],
    [
      '--set webhook.secrets: a secret does not belong',
      ['--global', '--set', 'webhook.secrets=whsec_hidden'],
    ],
    ['--set redis.password: a secret does not belong', ['--global', '--set', 'redis.password=hidden']],
    ['a secret does not belong', ['--global', '--set', 'alert_webhook=https://a:hidden@example.com']],
    ['--config: it is no JSON', ['--global', '--config', '/dev/null']],
    ['--config: ENOENT', ['--global', '--config', '/no/such/file']],
  ]
  for (const [message, args] of wrong)
    it(`enable ${args.join(' ').replace('--json', 'nowhere')} is called wrongly`, async () => {
      const { code, stdout, stderr } = await on.run('plugin', 'enable', ...args)
      expect([code, stdout]).to.deep.equal([2, ''])
      expect(stderr).to.include(message).and.not.to.include('hidden')
    })

  it('needs an Admin API', async () => {
    expect((await vk(['plugin', 'enable', '--global'])).stderr).to.equal(
      'vk: plugins are in Kong: give --admin-url\n',
    )
  })

  it('names the routes that are there', async () => {
    const { name } = await on.kong.newService()
    const { code, stderr } = await on.run('plugin', 'disable', '--route', 'absent')
    expect(code).to.equal(1)
    expect(stderr)
      .to.match(/^vk: Kong has no route "absent"; it has: /)
      .and.to.include(name)
  })
})
