import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'chai'
import { request } from 'undici'
import { ROOT } from '../support/root.ts'
import { until } from '../support/until.ts'
import { vk } from '../support/vk.ts'

/** `npm start` with free ports; `npm` itself and the build are left out. */
function start(...args: string[]): { readonly process: ChildProcess; readonly output: () => string } {
  const child = spawn(process.execPath, [join(ROOT, 'dist', 'dev', 'start.js'), ...args], {
    env: { ...process.env, PORT: '0', REDIS_URL: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text
    })
  return { process: child, output: () => output }
}

describe('npm start', function () {
  this.timeout(120_000)

  it('--once ends well after exactly one verified alert', async () => {
    const { process: child, output } = start('--once')
    const [code] = await once(child, 'close')
    expect(output()).to.contain('<- crosses').and.to.contain('ALERT verified')
    expect(output()).to.contain('The alert came exactly once.')
    expect(code).to.equal(0)
  })

  it('answers Admin API calls: a key that vk keys create makes is counted at once', async () => {
    const { process: child, output } = start()
    try {
      await until(
        'everything is up',
        () => output().includes('Everything stays up') || child.exitCode !== null,
      )
      const [, gateway = ''] = /^Gateway +(\S+)/m.exec(output()) ?? []
      const [, args = ''] = /node dist\/cli\/main\.js (keys create .*)$/m.exec(output()) ?? []
      const [, redis = ''] = /redis-cli -u (\S+)/.exec(output()) ?? []
      const created = await vk([...args.split(' '), '--json'])
      expect([created.code, created.stderr]).to.deep.equal([0, ''])
      const { key, changes } = JSON.parse(created.stdout) as { key: string; changes: Array<{ what: string }> }
      expect(changes.map(({ what }) => what)).to.deep.equal([
        'consumer vk-mine',
        'credential of consumer vk-mine',
      ])

      const answers = []
      for (const apikey of [key, `${key}-not`]) {
        const { statusCode, body } = await request(`${gateway}/v1/chat/completions`, {
          method: 'POST',
          headers: { apikey, 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'sample', messages: [{ role: 'user', content: 'one two' }] }),
        })
        await body.dump()
        answers.push(statusCode)
      }
      expect(answers).to.deep.equal([200, 401])
      const usage = await vk(['usage', 'vk-mine', '--json'], { REDIS_URL: redis })
      expect(JSON.parse(usage.stdout)).to.have.nested.property('windows[0].tokens', 16)
    } finally {
      child.kill('SIGTERM')
      await once(child, 'close')
    }
  })
})
