import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { freePort } from '../../../dev/free-port.ts'
import { PrivateRedis } from '../../../dev/redis.ts'
import { signingKey } from '../../../plugins/virtual-key/outbox/sign.ts'
import { DispatchingProcess, everything } from '../../support/dispatching.ts'
import { PLACES, type Place } from '../../support/place.ts'
import { Receiver } from '../../support/receiver.ts'
import { until } from '../../support/until.ts'
import { keyNames, targetAt } from '../../support/usage-record.ts'
import { vk } from '../../support/vk.ts'
import { doctor, told } from './doctor.ts'

for (const [name, open] of Object.entries(PLACES))
  describe(`vk doctor on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let env: Record<string, string>
    const newKey = keyNames('doctor')

    before(async () => {
      place = await open()
      const ports = place.servers.map(({ port }) => port)
      env =
        ports.length === 1
          ? { REDIS_URL: `redis://127.0.0.1:${ports[0]}` }
          : { REDIS_CLUSTER_NODES: ports.map((port) => `127.0.0.1:${port}`).join(',') }
    })

    beforeEach(() => place.flush())

    after(() => place.stop())

    it('finds nothing to complain of but what there is', async () => {
      const visit = await doctor(env)
      expect(visit.code).to.equal(0)
      expect(told(visit, 'redis')).to.match(
        place.servers.length === 1 ? /^ok: \w+ \d+\.\d+/ : /^ok: .*a cluster of 3 masters$/,
      )
      expect(told(visit, 'memory')).to.equal('ok: noeviction, no limit')
      expect(told(visit, 'persistence')).to.match(
        place.servers.length === 1 ? /^ok: append-only file$/ : /^warn: nothing is kept on disk/,
      )
      expect(told(visit, 'schema')).to.match(/^ok: none yet/)
      expect(told(visit, 'clock')).to.match(/^ok: 127\.0\.0\.1:\d+ and this machine are \d+ ms apart$/)
      expect(told(visit, 'outbox')).to.equal('ok: empty')
      expect(told(visit, 'dead-alerts')).to.equal('ok: none')
      expect(told(visit, 'plugin')).to.equal('skipped: Kong is not looked at: no --admin-url')
    })

    it('sees a dead alert, then one that nobody takes, then one that nobody can sign', async () => {
      const receiver = await Receiver.start()
      receiver.answer = (response) => response.writeHead(500).end('broken')
      const url = receiver.url.replace('http://', 'http://me:p4ss@').replace('alerts', 'T0KEN')
      const signers = new Map([['plugin-1', [signingKey(`whsec_${randomBytes(32).toString('base64')}`)]]])
      const one = new DispatchingProcess(await place.connect(), { schedule: [], signers })
      try {
        one.dispatcher.start()
        await one.cross(newKey(), targetAt(url, { configuration: 'plugin-1', signed: true }))
        await until('the dead alert', async () => (await everything(place.plain)).dead === 1)
        const dead = await doctor(env)
        expect([dead.code, told(dead, 'dead-alerts')]).to.deep.equal([
          0,
          'warn: 1 alert given up, the newest: 1 attempts failed, the last: broken',
        ])

        // Its configuration is nobody's.
        await one.cross(newKey(), targetAt(url, { configuration: 'plugin-9', signed: true }))
        const unsigned = await until('the dispatcher to be seen', async () => {
          const visit = await doctor(env)
          return /though 1 dispatcher runs/.test(told(visit, 'outbox')) && visit
        })
        expect(told(unsigned, 'outbox')).to.match(
          /^warn: 1 alert, the oldest from \d+ (h|days) ago; .*1 old one never tried/,
        )
        expect(told(unsigned, 'webhooks')).to.match(
          /^ok: http:\/\/127\.0\.0\.1:\d+ \(waiting alerts\): reachable, answers 500 to HEAD$/,
        )
        expect(dead.text + unsigned.text).not.to.match(/p4ss|T0KEN/)
        expect(receiver.received.at(-1)?.headers.authorization).to.equal(undefined)
      } finally {
        await one.stop()
        await receiver.stop()
      }
    })

    it('sees that nobody dispatches', async () => {
      const key = newKey()
      const one = new DispatchingProcess(await place.connect())
      await one.cross(key, targetAt('http://127.0.0.1:1/'), false)
      await one.stop()
      const [stream = ''] = (await place.names()).filter((found) => found.endsWith(':outbox'))
      const [alerts = ''] = (await place.names()).filter((found) => found.endsWith(':alerts'))
      const [id = ''] = await place.plain.hkeys(alerts)
      // As old as the stream's clock allows, and with an owner that is gone.
      await place.plain.del(stream)
      await place.plain.xadd(stream, '1-1', 'id', id)
      const forgotten = await doctor(env)
      expect(forgotten.code).to.equal(1)
      expect(told(forgotten, 'outbox')).to.match(/^fail: 1 alert, .*; no dispatcher takes them$/)
      await place.plain.del(stream)
      await place.plain.zadd(stream.replace('outbox', 'retry'), 5, id)
      const overdue = await doctor(env)
      expect(told(overdue, 'outbox')).to.match(/^fail: 1 alert, .*; 1 for another attempt; no dispatcher/)
    })

    it('sees the schema of each partition, and who needs it', async () => {
      const write = (version: number, most = 16) =>
        Promise.all(
          Array.from({ length: most }, (_, p) => place.plain.hset(`vk:{${p}}:schema`, 'version', version)),
        )
      await write(1)
      expect(told(await doctor(env), 'schema')).to.equal('warn: schema 1, this version needs 2')
      await place.plain.zadd('vk:{3}:keys', 0, 'k')
      expect(told(await doctor(env), 'schema')).to.match(/^fail: schema 1, .* with 1 registered key$/)
      await write(2, 5)
      expect(told(await doctor(env), 'schema')).to.match(/^fail: schema 1 in some partitions, 2 in others/)
      await write(2)
      expect(told(await doctor(env), 'schema')).to.equal('ok: schema 2, 1 registered key')
      await write(9, 1)
      const newer = await doctor(env)
      expect([newer.code, told(newer, 'schema')]).to.deep.equal([
        1,
        'fail: schema 9, newer than 2, the newest known here',
      ])
    })
  })

describe('vk doctor on a Redis', function () {
  this.timeout(60_000)

  const servers: PrivateRedis[] = []
  const start = async (...options: string[]) => {
    const server = await PrivateRedis.start(options)
    servers.push(server)
    return server
  }
  const at = ({ port }: PrivateRedis) => ({ REDIS_URL: `redis://127.0.0.1:${port}` })

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })

  it('that evicts, and keeps nothing', async () => {
    const visit = await doctor(at(await start('--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru')))
    expect(visit.code).to.equal(1)
    expect(told(visit, 'memory')).to.match(/^fail: maxmemory-policy allkeys-lru/)
    expect(told(visit, 'persistence')).to.match(/^warn: nothing is kept on disk/)
  })

  it('that only makes snapshots', async () => {
    const visit = await doctor(at(await start('--save', '3600 1')))
    expect([visit.code, told(visit, 'persistence')]).to.deep.equal([
      0,
      'warn: snapshots only: a crash of Redis loses the totals and alerts since the last one',
    ])
  })

  it('that is a replica: that is what fails, and everything else is looked at', async () => {
    const master = await start()
    const replica = await start('--replicaof', `127.0.0.1 ${master.port}`)
    const visit = await doctor(at(replica))
    expect([visit.code, told(visit, 'redis')]).to.deep.equal([
      1,
      `fail: 127.0.0.1:${replica.port} is a replica: it refuses writes`,
    ])
    expect(visit.text).not.to.include('could not be looked at')
    expect(told(visit, 'outbox')).to.equal('ok: empty')
  })

  it('that is full', async () => {
    const server = await start('--maxmemory', '1000')
    const visit = await doctor(at(server))
    expect([visit.code, told(visit, 'redis')]).to.deep.equal([
      1,
      `fail: 127.0.0.1:${server.port} refuses writes: OOM command not allowed when used memory > 'maxmemory'.`,
    ])
    expect(told(visit, 'memory')).to.match(/^fail: noeviction, \d+ % of maxmemory used: writes are refused$/)
  })

  it('that takes no writes without replicas, though it says that it is a master and has room', async () => {
    const visit = await doctor(at(await start('--min-replicas-to-write', '1')))
    expect(visit.code).to.equal(1)
    expect(told(visit, 'redis')).to.match(/^fail: \S+ refuses writes: NOREPLICAS/)
    expect(visit.text).not.to.include('could not be looked at')
  })

  it('whose user may not do everything', async () => {
    const server = await start()
    const client = new Redis(server.port)
    await client.call(
      'ACL',
      'SETUSER',
      'narrow',
      'on',
      '>p4ss',
      '~vk:*',
      '+@all',
      '-config',
      '-eval',
      '-info',
    )
    client.disconnect()
    const env = { REDIS_URL: `redis://narrow:p4ss@127.0.0.1:${server.port}` }
    const visit = await doctor(env)
    expect(told(visit, 'redis')).to.match(
      /^warn: .* does not tell how it runs: NOPERM.*; fail: scripts cannot be run: NOPERM/,
    )
    expect(told(visit, 'persistence')).to.equal('skipped: Redis does not tell')
    expect(told(visit, 'schema')).to.match(/^ok/)
    expect(visit.text).not.to.include('p4ss')
    const wrong = await doctor({ REDIS_URL: env.REDIS_URL.replace('p4ss', 'h1dden') })
    expect([wrong.code, wrong.of('redis')[0]?.state]).to.deep.equal([3, 'fail'])
    expect(told(wrong, 'redis')).to.match(/WRONGPASS/)
    expect(wrong.text).not.to.include('h1dden')
  })

  it('that hangs: every check ends all the same', async () => {
    const server = await start()
    server.freeze()
    const visit = await doctor(at(server), '--timeout', '1')
    expect(visit.code).to.equal(3)
    expect(told(visit, 'redis')).to.match(/^fail: /)
    expect(visit.text).to.include("neither Redis nor Kong's Admin API can be reached")
    for (const check of ['memory', 'schema', 'clock', 'outbox', 'dead-alerts'])
      expect(told(visit, check)).to.equal('skipped: Redis cannot be used')
    server.thaw()
  })

  it('that is not there, for people', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`
    const { code, stdout, stderr } = await vk(['doctor', '--redis-url', url])
    expect([code, stderr]).to.deep.equal([3, "vk: neither Redis nor Kong's Admin API can be reached\n"])
    expect(stdout).to.match(/^STATE +CHECK +FINDING\nskipped +admin-api +no --admin-url/)
    expect(stdout).to.match(
      /\nfail +redis +Redis at .* is unreachable: .*ECONNREFUSED.*\n +→ check --redis-url/,
    )
  })

  it('and is called wrongly', async () => {
    const wrongly = [
      ['--redis-url', 'http://x'],
      ['--admin-url', 'kong'],
      ['--timeout', '0'],
      ['--send', '--secret-file', '/no/such/file'],
    ]
    for (const args of wrongly) expect((await vk(['doctor', ...args])).code).to.equal(2)
  })
})
