import { expect } from 'chai'
import { parse } from 'yaml'
import { keyName } from '../../../plugins/virtual-key/redis/names.ts'
import { Provisioning } from '../../support/provisioning.ts'

/** With KONG_ADMIN_URL that Kong has a database, so here it is always the double. */
describe('a Kong without a database', function () {
  this.timeout(60_000)

  let on: Provisioning

  before(async function () {
    if (process.env.KONG_ADMIN_URL !== undefined) this.skip()
    on = await Provisioning.start()
  })
  after(() => on?.stop())
  afterEach(() => database('postgres'))

  function database(kind: 'postgres' | 'off'): void {
    if (on?.kong.double) on.kong.double.database = kind
  }

  /** Runs `vk`; the whole of its stdout is YAML. */
  async function lines(...args: string[]) {
    database('off')
    const { code, stdout, stderr } = await on.run(...args)
    expect(code, stderr).to.equal(0)
    return { text: stdout, value: parse(stdout) }
  }

  it('gets a new key as lines for its kong.yml, with all that the same command would have made', async () => {
    const { name } = await on.kong.newService()
    const config = {
      redis: { host: 'redis.internal' },
      webhook: { secrets: ['{vault://env/x}'] },
      body: 'tapped',
    }
    await on.kong.send('POST', `/routes/${name}/plugins`, { name: 'virtual-key', config })
    await on.kong.send('POST', `/routes/${name}/plugins`, { name: 'key-auth' })
    const id = `${on.kong.newName()}: "x" #é\u0007`
    const { text, value } = await lines(
      ...[
        'keys',
        'create',
        id,
        '--service',
        name,
        '--alert-threshold',
        '100',
        '--rate-limit',
        '5',
        '--ttl',
        '1d',
      ],
    )
    expect(text).to.include('A ttl cannot stand in a kong.yml')
    const [{ username, tags, keyauth_credentials, plugins }] = value.consumers
    expect([username, tags]).to.deep.equal([id, ['virtual-key']])
    expect(keyauth_credentials).to.have.length(1)
    expect(keyauth_credentials[0]).to.have.keys('key', 'tags')
    expect(keyauth_credentials[0].key).to.match(/^vk_[\w-]{43}$/)
    expect(plugins.map((one: { name: string }) => one.name)).to.deep.equal(['virtual-key', 'rate-limiting'])
    expect(plugins[0].config).to.deep.include({ alert_threshold: 100, body: 'tapped', token_budget: 0 })
    expect(plugins[0].config.redis).to.deep.include({ host: 'redis.internal' })
    expect(plugins[0].config.webhook).to.deep.include({ secrets: ['{vault://env/x}'] })
    expect(plugins[1].config).to.deep.include({ minute: 5, policy: 'redis' })
    expect(plugins[1].config.redis).to.include({ host: 'redis.internal' })
    expect(await on.kong.get(`/consumers/${encodeURIComponent(id)}`)).to.equal(undefined)
  })

  it('gets the record of the key into the registry all the same', async () => {
    const id = on.kong.newName()
    const { text, value } = await lines('keys', 'create', id, '--registry', '--token-budget', '5')
    expect(text).to.match(/^# ~ Redis schema: .*\n# \+ registry record \S+: token_budget 5\n# Kong runs/)
    expect(value.consumers[0]).to.have.keys('username', 'tags', 'keyauth_credentials')
    expect(await on.redis.hgetall(keyName(id))).to.include({ token_budget: '5' })
  })

  it('gets the key of an operator, and lines with --json', async () => {
    const id = on.kong.newName()
    database('off')
    const own = await on.json('keys', 'create', id, '--no-registry', '--key-file', on.file(`sk-${id}`))
    expect(parse(own.kong_yml ?? '').consumers[0].keyauth_credentials[0].key).to.equal(`sk-${id}`)
    expect(own).not.to.have.property('key')
    const drawn = await on.json('keys', 'create', id, '--no-registry')
    expect(parse(drawn.kong_yml ?? '').consumers[0].keyauth_credentials[0].key).to.equal(drawn.key)
    expect(drawn.changes.map(({ state }) => state)).to.deep.equal(['not_done', 'not_done'])
  })

  it('is told in comments what has to go', async () => {
    const id = on.kong.newName()
    await on.json('keys', 'create', id, '--no-registry')
    const rotation = await lines('keys', 'rotate', id, '--overlap', '1h')
    expect(rotation.value.consumers).to.have.length(1)
    expect(rotation.value.consumers[0]).to.have.keys('username', 'keyauth_credentials')
    expect(rotation.value.consumers[0].keyauth_credentials[0].tags).to.deep.equal(['virtual-key'])
    expect(rotation.text).to.match(
      /# To be done by hand:\n# ~ credential [0-9a-f]{8} of consumer .*: ends in 1h\n$/,
    )
    const deletion = await lines('keys', 'delete', id, '--no-registry', '--yes')
    expect(deletion.value).to.equal(null)
    expect(deletion.text)
      .to.include('no lines of a kong.yml can say this')
      .and.not.include('these lines belong')
    expect(deletion.text).to.match(/# To be done by hand:\n# - credential .*\n# - consumer \S+\n$/)
  })

  it('gets the plugin as lines, on a route, a service, or for all', async () => {
    const { name } = await on.kong.newService()
    const enable = (...place: string[]) => lines('plugin', 'enable', ...place, '--set', 'registry=true')
    const own = [
      {
        name: 'virtual-key',
        tags: ['virtual-key'],
        config: { registry: true, redis: { host: '127.0.0.1', port: on.redisPort } },
      },
      { name: 'key-auth', tags: ['virtual-key'], config: { hide_credentials: true } },
    ]
    expect((await enable('--route', name)).value).to.deep.equal({ routes: [{ name, plugins: own }] })
    expect((await enable('--service', name)).value).to.deep.equal({ services: [{ name, plugins: own }] })
    expect((await enable('--global')).value).to.deep.equal({ plugins: own })
    const plan = await on.run('plugin', 'enable', '--global', '--dry-run')
    expect(plan.stdout).to.equal(
      `+ plugin virtual-key of all requests: config.redis.host 127.0.0.1, config.redis.port ${on.redisPort}\n+ plugin key-auth of all requests: config.hide_credentials true\n`,
    )
  })
})
