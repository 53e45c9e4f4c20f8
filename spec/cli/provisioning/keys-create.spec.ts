import { expect } from 'chai'
import {
  indexName,
  keyName,
  PARTITIONS,
  partitionOf,
  schemaName,
} from '../../../plugins/virtual-key/redis/names.ts'
import { Provisioning, told } from '../../support/provisioning.ts'
import { writeHashes } from '../../support/records.ts'
import { vk } from '../../support/vk.ts'

describe('vk keys create', function () {
  this.timeout(60_000)

  let on: Provisioning

  before(async () => {
    on = await Provisioning.start()
  })
  beforeEach(async () => {
    await on.redis.flushall()
  })
  after(() => on.stop())

  /** A service whose route has the plugin. */
  async function service(config: Record<string, unknown> = {}, keyAuth = true) {
    const made = await on.kong.newService()
    const redis = { port: on.redisPort }
    await on.kong.send('POST', `/routes/${made.name}/plugins`, {
      name: 'virtual-key',
      config: { redis, ...config },
    })
    if (keyAuth) await on.kong.send('POST', `/routes/${made.name}/plugins`, { name: 'key-auth' })
    return made.name
  }

  describe('without a registry', () => {
    it('makes consumer, configuration, rate limit and credential, the key last, and shows the key once', async () => {
      const [openai, id] = [await service({ token_budget: 900, body: 'tapped' }), on.kong.newName()]
      const args = ['keys', 'create', id, '--service', openai, '--alert-threshold', '100000']
      const all = [...args, '--alert-webhook', 'https://hooks.example.com/T0KEN', '--rate-limit', '5']
      const { code, stdout, stderr } = await on.run(...all)
      expect(code).to.equal(0)
      const lines = stdout.trimEnd().split('\n')
      expect(lines.slice(0, -1)).to.deep.equal([
        `+ consumer ${id}`,
        `+ plugin virtual-key of consumer ${id}: configuration of route ${openai} copied, config.alert_threshold 100000, config.alert_webhook https://hooks.example.com`,
        `+ plugin rate-limiting of consumer ${id}: for all gateways together, in Redis at 127.0.0.1:${on.redisPort}, config.minute 5`,
        `+ credential of consumer ${id}`,
        'The key, shown only this once:',
      ])
      expect(stderr).to.include(`a copy of the configuration of route ${openai}`).and.not.to.include('T0KEN')
      const key = lines.at(-1)
      expect(key).to.match(/^vk_[\w-]{43}$/)
      const [credential, ...others] = await on.credentials(id)
      expect(credential).to.include({ key, ttl: null })
      expect([credential?.tags, others]).to.deep.equal([['virtual-key'], []])
      const plugin = await on.plugin(`/consumers/${id}`, 'virtual-key')
      expect(plugin?.config).to.include({
        token_budget: 900,
        body: 'tapped',
        alert_threshold: 100000,
        alert_webhook: 'https://hooks.example.com/T0KEN',
      })
      expect(plugin?.config.redis).to.include({ port: on.redisPort })
      expect((await on.plugin(`/consumers/${id}`, 'rate-limiting'))?.config.minute).to.equal(5)
      expect(await on.redis.dbsize()).to.equal(0)

      const again = await on.json(...all)
      expect(again.changes).to.deep.equal([])
      expect(again).not.to.have.property('key')
      expect(again.kept.join('\n')).to.include(
        `its key was shown then; if it is lost, vk keys rotate ${id} --overlap 0`,
      )
      expect(JSON.stringify(again)).not.to.include(String(key))
      expect(await on.credentials(id)).to.have.length(1)
    })

    it('changes what is named and leaves the rest', async () => {
      const [openai, id] = [await service(), on.kong.newName()]
      const args = ['keys', 'create', id, '--service', openai]
      await on.json(...args, '--alert-threshold', '100', '--token-budget', '500', '--rate-limit', '5')
      const { changes } = await on.json(...args, '--alert-threshold', '200', '--rate-limit', '6')
      expect(changes).to.deep.equal([
        {
          action: 'update',
          what: `plugin virtual-key of consumer ${id}`,
          fields: [{ field: 'config.alert_threshold', from: 100, to: 200 }],
          state: 'done',
        },
        {
          action: 'update',
          what: `plugin rate-limiting of consumer ${id}`,
          fields: [{ field: 'config.minute', from: 5, to: 6 }],
          state: 'done',
        },
      ])
      const plugin = await on.plugin(`/consumers/${id}`, 'virtual-key')
      expect(plugin?.config).to.include({ alert_threshold: 200, token_budget: 500 })
    })

    it('copies vault references as they are and shows no secret', async () => {
      const webhook = { secrets: ['whsec_c2VjcmV0', '{vault://env/webhook-secret}'] }
      const openai = await service({ alert_webhook: '{vault://env/hook}', webhook })
      const id = on.kong.newName()
      const args = ['keys', 'create', id, '--service', openai, '--alert-threshold', '5']
      const plan = await on.run(...args, '--dry-run')
      const report = await on.json(...args)
      expect(plan.stdout + JSON.stringify(report)).not.to.include('c2VjcmV0')
      const plugin = await on.plugin(`/consumers/${id}`, 'virtual-key')
      expect(plugin?.config.alert_webhook).to.equal('{vault://env/hook}')
      expect(plugin?.config.webhook).to.deep.include(webhook)
    })

    it('changes nothing with --dry-run', async () => {
      const [openai, id] = [await service(), on.kong.newName()]
      const args = ['keys', 'create', id, '--service', openai, '--alert-threshold', '5', '--dry-run']
      const report = await on.json(...args)
      expect(told(report)).to.deep.equal([
        `create consumer ${id} planned`,
        `create plugin virtual-key of consumer ${id} planned`,
        `create credential of consumer ${id} planned`,
      ])
      expect(report.dry_run).to.equal(true)
      expect(report).not.to.have.property('key')
      expect(await on.kong.get(`/consumers/${id}`)).to.equal(undefined)
    })

    it('adds to a consumer that is there, as it is', async () => {
      const [openai, id] = [await service(), on.kong.newName()]
      await on.kong.send('POST', '/consumers', { username: id, custom_id: `of-${id}`, tags: ['mine'] })
      await on.kong.send('POST', `/consumers/${id}/key-auth`, { key: `${id}-mine` })
      const report = await on.json('keys', 'create', id, '--service', openai)
      expect(told(report)).to.deep.equal([`create credential of consumer ${id} done`])
      expect(await on.kong.get(`/consumers/${id}`)).to.deep.include({ custom_id: `of-${id}`, tags: ['mine'] })
      expect(await on.credentials(id)).to.have.length(2)
    })

    it('refuses what only a registry keeps', async () => {
      const [openai, id] = [await service(), on.kong.newName()]
      const { code, stderr } = await on.run('keys', 'create', id, '--service', openai, '--scope', 'read')
      expect([code, stderr]).to.deep.equal([
        1,
        'vk: only a registry keeps scope: set registry: true on the plugin (vk plugin enable --set registry=true), or say --registry\n',
      ])
      expect(await on.kong.get(`/consumers/${id}`)).to.equal(undefined)
    })

    it('does not choose between two configurations', async () => {
      const made = await on.kong.newService()
      for (const [i, budget] of [5, 6].entries()) {
        const name = `${made.name}-${i}`
        const route = await on.kong.send<{ id: string }>('POST', `/services/${made.name}/routes`, {
          name,
          paths: [`/${name}`],
        })
        const config = { token_budget: budget }
        await on.kong.send('POST', `/routes/${name}/plugins`, { name: 'virtual-key', config })
        on.kong.removeLater(`/routes/${route.id}`)
      }
      const args = ['keys', 'create', on.kong.newName(), '--service', made.name]
      const { code, stderr } = await on.run(...args, '--alert-threshold', '5')
      expect(code).to.equal(1)
      expect(stderr).to.match(
        /route \S+ and route \S+ of service \S+ have different configurations.*: make them alike, or keep settings in the registry/,
      )
      expect((await on.run(...args)).code).to.equal(0)
    })

    it('says what is missing on the way to the key', async () => {
      const bare = await on.kong.newService()
      const { notes } = await on.json('keys', 'create', on.kong.newName(), '--service', bare.name)
      expect(notes).to.deep.equal([
        `virtual-key is not enabled on service ${bare.name}: nothing is counted there until vk plugin enable --service ${bare.name}`,
        `key-auth is not enabled on service ${bare.name}: nobody asks for the key there`,
      ])
    })
  })

  describe('with a registry', () => {
    it('writes the record there, migrates a Redis that is new, and needs no plugin', async () => {
      const [openai, id] = [await service({ registry: true }), on.kong.newName()]
      const args = ['keys', 'create', id, '--service', openai, '--token-budget', '500', '--scope', 'read']
      const all = [...args, '--alert-webhook', 'https://hooks.example.com/T0KEN']
      const report = await on.json(...all)
      expect(told(report)).to.deep.equal([
        'update Redis schema done',
        `create registry record ${id} done`,
        `create consumer ${id} done`,
        `create credential of consumer ${id} done`,
      ])
      expect(JSON.stringify(report)).not.to.include('T0KEN')
      expect(await on.plugin(`/consumers/${id}`, 'virtual-key')).to.equal(undefined)
      const record = await on.redis.hgetall(keyName(id))
      expect(record).to.include({ token_budget: '500', scope: 'read', service: openai })
      expect(record.alert_webhook).to.equal('https://hooks.example.com/T0KEN')
      expect((await on.json(...all)).changes).to.deep.equal([])
      const { changes } = await on.json('keys', 'create', id, '--service', openai, '--token-budget', '600')
      expect(changes).to.deep.equal([
        {
          action: 'update',
          what: `registry record ${id}`,
          fields: [{ field: 'token_budget', from: 500, to: 600 }],
          state: 'done',
        },
      ])
      expect(await on.redis.hgetall(keyName(id))).to.include({ token_budget: '600', scope: 'read' })
    })

    it('leaves the schema of a Redis that holds keys to its operator', async () => {
      const [openai, id] = [await service({ registry: true }), on.kong.newName()]
      await writeHashes(on.redis, [[id, { created_at: '1' }]])
      await on.redis.zadd(indexName(partitionOf(id)), 0, id)
      const { code, stderr } = await on.run('keys', 'create', id, '--service', openai)
      expect(code).to.equal(1)
      expect(stderr).to.include('run vk migrate')
      await on.redis.flushall()
      for (let p = 0; p < PARTITIONS; p++) await on.redis.hset(schemaName(p), 'version', 99)
      const newer = await on.run('keys', 'create', id, '--service', openai)
      expect(newer.stderr).to.include('upgrade virtual-key')
      expect(await on.kong.get(`/consumers/${id}`)).to.equal(undefined)
    })

    it('can be said and gainsaid', async () => {
      const [openai, id, other] = [await service({ registry: true }), on.kong.newName(), on.kong.newName()]
      const args = ['--service', openai, '--token-budget', '5']
      const without = await on.json('keys', 'create', id, ...args, '--no-registry')
      expect(told(without)[1]).to.equal(`create plugin virtual-key of consumer ${id} done`)
      expect(await on.redis.dbsize()).to.equal(0)
      const plain = await service()
      const withIt = await on.json('keys', 'create', other, '--service', plain, '--registry')
      expect(told(withIt)[1]).to.equal(`create registry record ${other} done`)
    })

    it('is all there is without an Admin API', async () => {
      const connection = { REDIS_URL: `redis://127.0.0.1:${on.redisPort}` }
      const { code, stdout } = await vk(['keys', 'create', 'alone', '--token-budget', '5'], connection)
      expect([code, stdout]).to.deep.equal([
        0,
        '~ Redis schema: it holds no key yet, so vk migrate runs first\n+ registry record alone: token_budget 5\n',
      ])
      for (const option of [['--ttl', '5d'], ['--key-file', '/dev/null'], ['--no-registry']]) {
        const end = await vk(['keys', 'create', 'alone', ...option], connection)
        expect([end.code, end.stderr]).to.deep.equal([
          2,
          `vk: ${option[0]} is about Kong: give --admin-url too\n`,
        ])
      }
    })
  })

  describe('with a key of the operator', () => {
    it('takes it from stdin or a file, and shows it nowhere', async () => {
      const [openai, id, second] = [await service(), on.kong.newName(), on.kong.newName()]
      const [key, other] = [`sk-${id}`, `sk-${second}`]
      const args = ['keys', 'create', id, '--service', openai, '--key-file']
      const first = await on.feed(`${key}\n`, ...args, '-')
      expect([first.code, first.stderr]).to.deep.equal([0, ''])
      expect((await on.credentials(id)).map((one) => one.key)).to.deep.equal([key])
      const again = await on.run(...args, on.file(key))
      expect(again.stdout).to.include('with this key').and.to.include('nothing to do')
      const taken = await on.run('keys', 'create', second, '--service', openai, '--key-file', on.file(key))
      expect([taken.code, taken.stderr.includes('another consumer has this key already')]).to.deep.equal([
        1,
        true,
      ])
      const changed = await on.run(...args, on.file(other))
      expect(changed.code).to.equal(1)
      expect(changed.stderr).to.include('has another key: vk keys rotate --key-file replaces it')
      for (const { stdout, stderr } of [first, again, taken, changed])
        expect(stdout + stderr)
          .not.to.include(key)
          .and.not.to.include(other)
      const double = on.kong.double
      if (double) for (const { path } of double.requests) expect(path).not.to.include(key)
    })

    for (const text of ['', 'two words', 'caf\u00e9'])
      it(`takes no ${JSON.stringify(text)}`, async () => {
        const end = await on.feed(text, 'keys', 'create', 'any', '--key-file', '-')
        expect([end.code, end.stdout]).to.deep.equal([2, ''])
        expect(end.stderr).to.match(/^vk: --key-file: its \d+ characters are not one word/)
      })
  })

  it('lets the credential end with --ttl, and nothing else', async () => {
    const [openai, id] = [await service({ registry: true }), on.kong.newName()]
    await on.json('keys', 'create', id, '--service', openai, '--ttl', '90d')
    const [credential] = await on.credentials(id)
    expect(credential?.ttl).to.be.within(90 * 86_400 - 60, 90 * 86_400)
    expect(await on.redis.hgetall(keyName(id))).not.to.have.property('expires_at')
    for (const wrong of ['0', '5y', '-1', '2000d'])
      expect((await on.run('keys', 'create', id, '--ttl', wrong)).code).to.equal(2)
  })

  it('names the services that are there', async () => {
    const there = await on.kong.newService()
    const { code, stderr } = await on.run('keys', 'create', on.kong.newName(), '--service', 'absent')
    expect(code).to.equal(1)
    expect(stderr).to.match(/^vk: Kong has no service "absent"; it has: /)
    expect(stderr).to.include(there.name)
  })

  it('takes ids that a URL would not, and ids that look like those of Kong', async () => {
    const openai = await service()
    const ids = [`${on.kong.newName()}/a b?#%`, 'a4c1e5b0-0c4e-4d3e-9d0e-5c9c6f1c2b11']
    for (const id of ids) {
      const path = `/consumers/${encodeURIComponent(id)}`
      on.kong.removeLater(path)
      const { key } = await on.json('keys', 'create', id, '--service', openai)
      expect(await on.kong.get(path)).to.include({ username: id })
      expect((await on.credentials(encodeURIComponent(id))).map((one) => one.key)).to.deep.equal([key])
      expect((await on.json('keys', 'create', id, '--service', openai)).changes).to.deep.equal([])
    }
  })

  it('ends with 3 where the Admin API cannot be reached, and with 2 for what is no address', async () => {
    const [gone, wrong] = [
      await vk(['keys', 'create', 'k', '--admin-url', 'http://127.0.0.1:1']),
      await vk(['keys', 'create', 'k', '--admin-url', 'http://me:hidden@127.0.0.1:1']),
    ]
    expect([gone.code, wrong.code]).to.deep.equal([3, 2])
    expect(wrong.stderr).not.to.include('hidden')
  })

  it('sends the token in the header that Kong asks for', async function () {
    const { double } = on.kong
    if (double === undefined) this.skip()
    double.requests.length = 0
    const env = { KONG_ADMIN_URL: double.url, KONG_ADMIN_TOKEN: 't0ken' }
    await vk(['keys', 'create', 'token-1', '--no-registry'], env)
    await vk(['keys', 'create', 'token-1', '--no-registry', '--admin-token-header', 'X-Own'], env)
    expect(
      new Set(double.requests.map(({ headers }) => headers['kong-admin-token'] ?? headers['x-own'])),
    ).to.deep.equal(new Set(['t0ken']))
    expect(double.requests.at(-1)?.headers['x-own']).to.equal('t0ken')
  })
})
