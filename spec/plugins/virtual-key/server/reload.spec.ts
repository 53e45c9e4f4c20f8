import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { SharedSocket } from '../../../../plugins/virtual-key/server/socket.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { exchange, newInstance } from '../../../support/exchange.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import { until } from '../../../support/until.ts'
import type { Wire } from '../../../support/wire.ts'

describe('Two plugin servers, one after the other at one path, as at a reload of Kong', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let folder: string
  let first: PluginProcess
  let second: PluginProcess | undefined
  const wires: Wire[] = []

  before(async () => {
    redis = await PrivateRedis.start()
  })

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtual-key-reload-'))
    first = await PluginProcess.start({}, folder)
  })

  afterEach(async () => {
    for (const wire of wires.splice(0)) wire.close()
    await first.stop('SIGKILL')
    await second?.stop('SIGKILL')
    second = undefined
    rmSync(folder, { recursive: true, force: true })
  })

  after(() => redis.stop())

  const succeed = async () => {
    second = await PluginProcess.start({}, folder)
    return second
  }
  const connect = async (server = first) => {
    const wire = await server.connect()
    wires.push(wire)
    return wire
  }
  /** A whole request through whoever listens. */
  const serves = async () => {
    const wire = await connect()
    await exchange(wire, await newInstance(wire, redis.port), 'settled')
    return wire
  }

  it('whoever connects after the first was told to stop reaches the second', async () => {
    await succeed()
    await first.stop()
    await serves()
  })

  it('so it is when the first is killed, and at every further reload', async () => {
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const next = await succeed()
      await first.stop(signal)
      await serves()
      first = next
    }
  })

  it('at no moment nobody listens', async () => {
    const starting = succeed()
    let started = false
    void starting.then(() => {
      started = true
    })
    let answered = 0
    while (!started) {
      const wire = await connect()
      const [, , error] = await wire.exchange([0, 1, 'plugin.CloseInstance', [0]])
      expect(error).to.equal('no plugin instance #0')
      wire.close()
      answered++
    }
    expect(answered).to.be.above(0)
  })

  it('a phase that is under way in the first ends there, and then its connection does', async () => {
    const wire = await serves()
    const InstanceId = await newInstance(wire, redis.port)
    const begun = await wire.call('plugin.HandleEvent', { InstanceId, EventName: 'response' })
    await succeed()
    const stopping = first.stop()
    await endOf(wire, begun as Step)
    await stopping
    await until('the end of the connection', () => wire.closed)
    await serves()
  })

  it('the first makes Kong drop its connections when it has a successor, each at the end of a phase', async () => {
    const wire = await serves()
    const InstanceId = await newInstance(wire, redis.port)
    expect(wire.dropped).to.equal(false)
    await succeed()
    await until('the last answer', async () => {
      const step = await wire.call('plugin.HandleEvent', { InstanceId, EventName: 'response' })
      // The phase goes on, and Kong with it on the same connection.
      expect(wire.dropped).to.equal(false)
      await endOf(wire, step as Step)
      return wire.dropped
    })
    await serves()
  })

  it('the first ends when it has a successor and nobody uses it any more, whoever started it', async () => {
    const gone = new Promise((resolve) => first.child.once('close', resolve))
    const next = await succeed()
    expect(await gone).to.equal(0)
    first = next
    await serves()
  })

  it('a path that somebody took away, as older plugin servers do at their end, is put back', async () => {
    rmSync(first.socket)
    await until('the socket', () => connect().then(Boolean, () => false))
    await serves()
    expect(first.output).to.contain('was gone, and is there again')
  })

  it('a server whose successor died has the path again', async () => {
    await (await succeed()).stop('SIGKILL')
    await until('the socket', () => connect().then(Boolean, () => false))
    await serves()
  })

  it('takes away what dead processes left, and nothing else', async () => {
    const dead = spawnSync(process.execPath, ['--version']).pid
    const other = {
      dead: `js.sock.${dead}`,
      alive: `js.sock.${process.pid}`,
      word: 'js.sock.bak',
      prefix: 'js.sock2',
    }
    for (const name of Object.values(other)) writeFileSync(join(folder, name), '')
    await succeed()
    expect(readdirSync(folder).sort()).to.deep.equal(
      [basename(first.socket), other.alive, other.word, other.prefix].sort(),
    )
  })

  it('a path too long for a socket is refused in plain words', async () => {
    const path = join(folder, 'x'.repeat(100))
    const opened = SharedSocket.open(
      path,
      () => undefined,
      lineLog(() => undefined),
    )
    const error = await opened.then(
      () => '',
      ({ message }: Error) => message,
    )
    expect(error).to.match(/is longer than \d+ bytes: choose a shorter prefix/)
  })
})

interface Step {
  readonly EventId: number
  readonly Data: unknown
}

/** Answers a phase's calls with nothing until it ends. */
async function endOf(wire: Wire, { EventId, Data }: Step): Promise<void> {
  if (Data !== 'ret') await endOf(wire, (await wire.call('plugin.Step', { EventId })) as Step)
}
