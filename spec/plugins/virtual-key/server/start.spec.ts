import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { exchange, newInstance } from '../../../support/exchange.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import type { ProcessReport } from '../../../support/process-report.ts'
import { Receiver } from '../../../support/receiver.ts'
import { ROOT } from '../../../support/root.ts'
import { until } from '../../../support/until.ts'

const REPORTING = { NODE_OPTIONS: `--import ${join(ROOT, 'dist', 'spec', 'support', 'process-report.js')}` }
const SERVER = join(ROOT, 'dist', 'plugins', 'virtual-key', 'server.js')

/** What a plugin server loads before a request comes. */
const AT_START = [
  '@ioredis/commands',
  '@msgpack/msgpack',
  'cluster-key-slot',
  'debug',
  'denque',
  'fzstd',
  'ioredis',
  'kong-pdk',
  'ms',
  'redis-errors',
  'standard-as-callback',
]
/** What `debug` loads of these depends on what else is installed. */
const OPTIONAL = ['has-flag', 'supports-color']

function reportOf(output: string): ProcessReport {
  const [, json = 'null'] = /^REPORT (.*)$/m.exec(output) ?? []
  return JSON.parse(json) as ProcessReport
}

/** Runs Node as Kong runs the dump. */
function run(...args: string[]): ProcessReport {
  return reportOf(spawnSync(process.execPath, args, { env: REPORTING, encoding: 'utf8' }).stderr)
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}

describe('What a start costs', function () {
  this.timeout(60_000)

  it('a dump loads no package', () => {
    expect(run(SERVER, '--dump').packages).to.deep.equal([])
  })

  it('a dump costs little more than Node itself: at most three times its time, and 20 MB', () => {
    const [dump, bare]: [ProcessReport[], ProcessReport[]] = [[], []]
    for (let i = 0; i < 5; i++) {
      dump.push(run(SERVER, '--dump'))
      bare.push(run('--eval', '0'))
    }
    expect(median(dump.map(({ cpu }) => cpu))).to.be.below(3 * median(bare.map(({ cpu }) => cpu)))
    expect(median(dump.map(({ memory }) => memory))).to.be.below(
      20 + median(bare.map(({ memory }) => memory)),
    )
  })

  it('a plugin server loads what phases need, and what sends webhooks with the first delivery', async () => {
    const redis = await PrivateRedis.start()
    const receiver = await Receiver.start()
    try {
      const idle = await PluginProcess.start(REPORTING)
      await newInstance(await idle.connect(), redis.port)
      await idle.stop()
      const packages = reportOf(idle.output).packages.filter((name) => !OPTIONAL.includes(name))
      expect(packages).to.deep.equal(AT_START)

      const used = await PluginProcess.start(REPORTING)
      const wire = await used.connect()
      const instance = await newInstance(wire, redis.port, {
        alert_threshold: 10,
        alert_webhook: receiver.url,
        webhook: { timeout: 10_000, allow_private_networks: true },
      })
      await exchange(wire, instance, 'settled')
      await until('the alert', () => receiver.received.length === 1)
      await used.stop()
      expect(reportOf(used.output).packages).to.include('undici')
    } finally {
      await receiver.stop()
      await redis.stop()
    }
  })
})
