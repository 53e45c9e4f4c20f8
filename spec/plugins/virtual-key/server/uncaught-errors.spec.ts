import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { exchange, newInstance } from '../../../support/exchange.ts'
import { pluginServerCommand } from '../../../support/gateway.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import { isAlive, pluginServerPids } from '../../../support/plugin-server-pids.ts'
import { ROOT } from '../../../support/root.ts'
import { until } from '../../../support/until.ts'

/** Lets signals make the process fail. */
const FAILING = { NODE_OPTIONS: `--import ${join(ROOT, 'dist', 'spec', 'support', 'process-report.js')}` }

describe('A plugin server in which something fails that nobody handles', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let server: PluginProcess

  before(async () => {
    redis = await PrivateRedis.start()
  })

  beforeEach(async () => {
    server = await PluginProcess.start(FAILING)
  })

  afterEach(() => server.stop())

  after(() => redis.stop())

  const times = (text: string) => server.output.split(text).length - 1
  /** Signals of one kind that come together are one. */
  const fail = async (signal: NodeJS.Signals, line: string) => {
    const before = times(line)
    server.child.kill(signal)
    await until('the line', () => times(line) > before)
  }

  for (const [what, signal, line] of [
    ['an exception', 'SIGUSR2', 'virtual-key critical: uncaught exception: Error: thrown for a spec | at '],
    ['a rejection', 'SIGURG', 'virtual-key critical: unhandled rejection: Error: rejected for a spec | at '],
  ] as const) {
    it(`logs ${what} with its stack, as one line, and goes on`, async () => {
      const wire = await server.connect()
      const instance = await newInstance(wire, redis.port)
      await fail(signal, line)
      await exchange(wire, instance, 'settled')
      expect(server.child.exitCode).to.equal(null)
    })
  }

  it('tells it at a level that Kong shows, in the next phase', async () => {
    const wire = await server.connect()
    const instance = await newInstance(wire, redis.port)
    await fail('SIGUSR2', 'uncaught exception')
    expect(await exchange(wire, instance, 'settled')).to.include('kong.log.err')
  })

  it('ends on purpose, and says so, when exceptions keep coming', async () => {
    const gone = new Promise((resolve) => server.child.once('close', resolve))
    for (let i = 0; i < 11; i++) await fail('SIGUSR2', 'uncaught exception: ')
    expect(await gone).to.equal(1)
    expect(server.output).to.contain('this process ends, so that Kong starts a new one')
  })

  it('does not end for rejections, of which each is one piece of work', async () => {
    for (let i = 0; i < 15; i++) await fail('SIGURG', 'unhandled rejection: ')
    await server.connect()
  })
})

describe('A plugin server whose starter is gone', function () {
  this.timeout(60_000)

  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtual-key-orphan-'))
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const command = () => pluginServerCommand().start(folder, 'js.sock')
  const pidIn = (output: string) => pluginServerPids(output).at(-1) ?? 0

  it('ends where nobody reads its output any more: a killed Kong worker has a successor', async () => {
    const starter = spawn('/bin/sh', ['-c', `${command()} & wait`], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    starter.stdout.on('data', (chunk) => {
      output += chunk
    })
    const pid = await until('the plugin server', () => pidIn(output))
    starter.stdout.destroy()
    starter.kill('SIGKILL')
    await until('its end', () => !isAlive(pid))
  })

  it('ends where its output is read on for a while: a Kong that stops kills its starter before its worker ends', async () => {
    const starter = spawn('/bin/sh', ['-c', `${command()} & wait`], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    starter.stdout.on('data', (chunk) => {
      output += chunk
    })
    const pid = await until('the plugin server', () => pidIn(output))
    try {
      starter.kill('SIGKILL')
      await until('the line', () =>
        output.includes(`the process that started this one, ${starter.pid}, has ended`),
      )
      starter.stdout.destroy()
      await until('its end', () => !isAlive(pid))
    } finally {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    }
  })

  it('stays where its output goes on: it was put into the background', async () => {
    const file = join(folder, 'output')
    const out = openSync(file, 'a')
    const starter = spawn('/bin/sh', ['-c', `${command()} & wait`], { stdio: ['ignore', out, 'inherit'] })
    closeSync(out)
    const pid = await until('the plugin server', () => pidIn(readFileSync(file, 'utf8')))
    try {
      starter.kill('SIGKILL')
      const line = `the process that started this one, ${starter.pid}, has ended`
      await until('the line', () => readFileSync(file, 'utf8').includes(line))
      expect(isAlive(pid)).to.equal(true)
    } finally {
      process.kill(pid, 'SIGKILL')
    }
  })
})
