import { hostname } from 'node:os'
import { expect } from 'chai'
import { PrivateRedis } from '../../../dev/redis.ts'
import { Heartbeat, knownProcesses } from '../../../plugins/virtual-key/heartbeat.ts'
import { processesName, processName } from '../../../plugins/virtual-key/keys.ts'
import { lineLog } from '../../../plugins/virtual-key/log.ts'
import { ThrottledLog } from '../../../plugins/virtual-key/throttled-log.ts'
import { type Connected, connected } from '../../support/connection.ts'
import { newInstance } from '../../support/exchange.ts'
import { PluginProcess } from '../../support/plugin-process.ts'
import { until } from '../../support/until.ts'

describe('Heartbeat', () => {
  let redis: PrivateRedis
  let connection: Connected
  const lines: string[] = []

  before(async () => {
    redis = await PrivateRedis.start()
    connection = await connected(redis.port)
  })

  after(async () => {
    connection.redis.disconnect()
    await redis.stop()
  })

  beforeEach(() => connection.redis.flushall())

  function heart(processId: string, clock = () => performance.now()): Heartbeat {
    return new Heartbeat({
      redis: connection.redis,
      processId,
      configurations: new Set(['a', 'b']),
      waiting: () => 3,
      lastSettled: () => 1_000,
      trouble: new ThrottledLog(
        lineLog((line) => lines.push(line)),
        clock,
      ),
    })
  }

  it('tells host, process, version, configurations, what was settled and what waits, for a day', async () => {
    await heart('one').beat()
    const [one, ...others] = await knownProcesses(connection.redis)
    expect(others).to.deep.equal([])
    expect(one).to.deep.include({
      host: hostname(),
      pid: process.pid,
      configurations: ['a', 'b'],
      lastSettled: 1000,
      waiting: 3,
    })
    expect(one?.version).to.match(/^\d+\.\d+\.\d+/)
    expect(one?.silent).to.be.within(0, 5000)
    expect(await connection.redis.pttl(processName('one'))).to.be.within(86_000_000, 86_400_000)
  })

  it('is one entry for each process, however often it beats, and forgets who is gone for a day', async () => {
    const [seconds] = await connection.redis.time()
    await connection.redis.zadd(processesName(), Number(seconds) * 1000 - 86_500_000, 'gone')
    await connection.redis.zadd(processesName(), Number(seconds) * 1000 - 3_600_000, 'silent')
    for (let i = 0; i < 3; i++) await heart('one').beat()
    expect(await connection.redis.zrange(processesName(), '0', '-1')).to.deep.equal(['silent', 'one'])
  })

  it('remembers at most 1,000 processes: a plugin server that dies every second fills nothing', async () => {
    const [seconds] = await connection.redis.time()
    const pipeline = connection.redis.pipeline()
    for (let i = 0; i < 1500; i++) pipeline.zadd(processesName(), Number(seconds) * 1000 - i, `p${i}`)
    await pipeline.exec()
    await heart('one').beat()
    expect(await connection.redis.zcard(processesName())).to.equal(1000)
    expect(await connection.redis.zscore(processesName(), 'one')).to.be.a('string')
  })

  it('leaves out what is no sign of life', async () => {
    await heart('one').beat()
    for (const [i, text] of ['', 'null', '{}', '{"host":1}', '[]', '"x"'].entries()) {
      await connection.redis.zadd(processesName(), 5, `bad${i}`)
      await connection.redis.set(processName(`bad${i}`), text)
    }
    expect((await knownProcesses(connection.redis)).map(({ pid }) => pid)).to.deep.equal([process.pid])
  })

  it('that Redis refuses is told after some seconds, and never thrown', async () => {
    let now = 0
    const one = heart('one', () => now)
    await connection.redis.set(processesName(), 'of the wrong type')
    await one.beat()
    now = 10_000
    await one.beat()
    expect(lines.join('')).to.match(
      /error: the heartbeat of this plugin server: failing for 10 s: .*WRONGTYPE/,
    )
  })

  it('comes from a plugin server as soon as it has seen a configuration, and names it', async () => {
    const server = await PluginProcess.start()
    try {
      const wire = await server.connect()
      await newInstance(wire, redis.port, { __plugin_id: 'first' })
      await newInstance(wire, redis.port, { __plugin_id: 'second' })
      const found = await until('both configurations', async () => {
        const [one] = await knownProcesses(connection.redis)
        return one?.configurations.length === 2 && one
      })
      expect(found.configurations).to.deep.equal(['first', 'second'])
      expect(found.pid).to.equal(server.child.pid)
    } finally {
      await server.stop()
    }
  })
})
