import { expect } from 'chai'
import { Plugin } from '../../../../plugins/virtual-key/index.ts'
import type { Kong } from '../../../../plugins/virtual-key/pdk.ts'
import { ProcessServices } from '../../../../plugins/virtual-key/process.ts'
import { CriticalLines } from '../../../../plugins/virtual-key/telemetry/critical-lines.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { PLAIN_CONFIG } from '../../../support/plain-config.ts'

describe('CriticalLines', () => {
  it('gives each line once, the eldest first', () => {
    const lines = new CriticalLines()
    expect(lines.pending).to.equal(false)
    lines.add('a')
    lines.add('b')
    expect([lines.pending, lines.take(), lines.take(), lines.take(), lines.pending]).to.deep.equal([
      true,
      'a',
      'b',
      undefined,
      false,
    ])
  })

  it('keeps at most 100 lines, and tells how many gave way', () => {
    const lines = new CriticalLines()
    for (let i = 0; i < 150; i++) lines.add(`line ${i}`)
    expect(lines.take()).to.equal('line 50 (and 50 older lines, only in the output of the plugin server)')
    let left = 0
    while (lines.take() !== undefined) left++
    expect(left).to.equal(99)
  })
})

describe('A critical line', () => {
  const services = new ProcessServices()

  after(() => services.close(100))

  it('is written at once, and raised for a phase to say', () => {
    const [written, raised]: [string[], string[]] = [[], []]
    const one = lineLog(
      (line) => written.push(line),
      (message) => raised.push(message),
    )
    one.critical('an alert was given up')
    one.error('not critical')
    expect(written).to.deep.equal([
      'virtual-key critical: an alert was given up\n',
      'virtual-key error: not critical\n',
    ])
    expect(raised).to.deep.equal(['an alert was given up'])
  })

  it('is said by the next request of any route in Kong’s log, once, at level err', async () => {
    const said: string[] = []
    const kong = {
      request: { getHeaders: async () => ({ upgrade: ['websocket'] }) },
      response: { exit: async () => undefined },
      log: { err: async (line: string) => void said.push(line) },
    } as unknown as Kong
    const plugin = new Plugin({ ...PLAIN_CONFIG, redis: { ...PLAIN_CONFIG.redis, port: 1 } }, services)
    services.telemetry.log.critical('an alert was given up')
    await plugin.access(kong)
    await plugin.access(kong)
    expect(said).to.deep.equal(['virtual-key: an alert was given up'])
  })
})
