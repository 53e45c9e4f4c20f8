import { hostname } from 'node:os'
import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { Heartbeat, knownProcesses } from '../../../../plugins/virtual-key/redis/heartbeat.ts'
import { processesName } from '../../../../plugins/virtual-key/redis/names.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { ThrottledLog } from '../../../../plugins/virtual-key/telemetry/throttled-log.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { newInstance } from '../../../support/exchange.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import { until } from '../../../support/until.ts'

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
  })

  /** Puts signs of life of other processes into Redis, each so many milliseconds old. */
  async function remembered(ages: Record<string, number>): Promise<void> {
    const [seconds] = await connection.redis.time()
    const signs = Object.entries(ages).map(([id, age]) => [id, `${Number(seconds) * 1000 - age} {}`])
    await connection.redis.hset(processesName(), Object.fromEntries(signs))
  }

  it('is one entry for each process, however often it beats, and forgets who is gone for a day', async () => {
    await remembered({ gone: 86_500_000, silent: 3_600_000 })
    const one = heart('one')
    for (let i = 0; i < 3; i++) await one.beat()
    expect((await connection.redis.hkeys(processesName())).sort()).to.deep.equal(['one', 'silent'])
  })

  it('remembers at most 1,000 processes: a plugin server that dies every second fills nothing', async () => {
    await remembered(Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`p${i}`, 1000 * i])))
    await heart('one').beat()
    const left = await connection.redis.hkeys(processesName())
    expect(left).to.have.length(1000)
    expect(left).to.include.members(['one', 'p0', 'p998'])
  })

  it('leaves out what is no sign of life', async () => {
    await heart('one').beat()
    const [seconds] = await connection.redis.time()
    for (const [i, text] of ['', 'null', '{}', '{"host":1}', '[]', '"x"'].entries())
      await connection.redis.hset(
        processesName(),
        `bad${i}`,
        `${Number(seconds) * 1000} ${text}`,
        `odd${i}`,
        text,
      )
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
