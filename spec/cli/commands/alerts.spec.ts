import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { freePort } from '../../../dev/free-port.ts'
import { signingKey } from '../../../plugins/virtual-key/outbox/sign.ts'
import { configurationName, outboxNames } from '../../../plugins/virtual-key/redis/names.ts'
import { DispatchingProcess, everything } from '../../support/dispatching.ts'
import { PLACES, type Place } from '../../support/place.ts'
import { Receiver } from '../../support/receiver.ts'
import { until } from '../../support/until.ts'
import { keyNames, targetAt } from '../../support/usage-record.ts'
import { ended, startVk, vk } from '../../support/vk.ts'

const SECRET = `whsec_${randomBytes(32).toString('base64')}`

for (const [name, open] of Object.entries(PLACES))
  describe(`vk on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let receiver: Receiver
    let connection: Record<string, string>
    let folder: string
    const processes: DispatchingProcess[] = []
    const newKey = keyNames('cli')

    before(async () => {
      place = await open()
      folder = mkdtempSync(join(tmpdir(), 'virtual-key-cli-'))
      const ports = place.servers.map(({ port }) => port)
      connection =
        ports.length === 1
          ? { REDIS_URL: `redis://127.0.0.1:${ports[0]}` }
          : { REDIS_CLUSTER_NODES: ports.map((port) => `127.0.0.1:${port}`).join(',') }
    })

    beforeEach(async () => {
      await place.flush()
      receiver = await Receiver.start()
    })

    afterEach(async () => {
      await Promise.all(processes.splice(0).map((one) => one.stop()))
      await receiver.stop()
    })

    after(async () => {
      await place.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    const start = async () => {
      const signers = new Map([['plugin-1', [signingKey(SECRET)]]])
      const one = new DispatchingProcess(await place.connect(), { schedule: [], lease: 600, signers })
      processes.push(one)
      one.dispatcher.start()
      return one
    }
    const run = (...args: string[]) => vk(args, connection)
    const json = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(...args, '--json')
      expect([code, stderr]).to.deep.equal([0, ''])
      return JSON.parse(stdout)
    }
    const target = (own = {}) =>
      targetAt(receiver.url.replace('http://', 'http://me:p4ss@').replace('alerts', 'T0KEN'), {
        configuration: 'plugin-1',
        signed: true,
        ...own,
      })

    /** A key whose alert is dead after one attempt. */
    async function deadAlert(): Promise<{ key: string; id: string; process: DispatchingProcess }> {
      receiver.answer = (response) => response.writeHead(500).end('broken\u001b[2J')
      const process = await start()
      const key = newKey()
      await process.cross(key, target())
      await until('the dead alert', async () => (await everything(place.plain)).dead === 1)
      const [{ id }] = await json('alerts', 'list', '--dead')
      return { key, id, process }
    }

    async function deadAlertToo(): Promise<void> {
      const [process] = processes
      await process?.cross(newKey(), target())
      await until('the other dead alert', async () => (await everything(place.plain)).dead === 2)
    }

    it('lists, shows and replays a dead alert, keeping its attempts, and tells no secret', async () => {
      const { key, id } = await deadAlert()
      const list = await run('alerts', 'list')
      expect(list.stdout).to.match(
        /^ID +STATE +EVENT +KEY +LIMIT +TOTAL +WEBHOOK +ATTEMPTS +NEXT OR REASON\n/,
      )
      expect(list.stdout)
        .to.include(id)
        .and.to.include(key)
        .and.to.include('1 attempts failed, the last: broken [2J')
      expect((await run('alerts', 'list', '--delivered')).stdout).to.equal('none\n')
      const show = await run('alerts', 'show', id)
      expect(show.stdout).to.match(/\n1 +\d{4}-\d\d-\d\dT[\d:.]+Z +500 +\d+ ms +broken \[2J\n$/)
      for (const hidden of ['p4ss', 'T0KEN', SECRET.slice(6), '\u001b'])
        expect(list.stdout + show.stdout).not.to.include(hidden)

      receiver.answer = (response) => response.writeHead(204).end()
      expect(await run('alerts', 'replay', id)).to.deep.equal({
        code: 0,
        stdout: '1 of 1 alerts will be sent again\n',
        stderr: '',
      })
      await until('the delivery', async () => (await everything(place.plain)).delivered === 1)
      expect(receiver.ids).to.deep.equal(new Set([id]))
      const shown = await json('alerts', 'show', id)
      expect(shown).to.include({
        id,
        state: 'delivered',
        key_id: key,
        threshold: 100,
        total_tokens: 150,
        service: 'openai',
      })
      expect(shown.attempts.map(({ status }: { status: number }) => status)).to.deep.equal([500, 204])
      expect(await json('alerts', 'list')).to.deep.equal([])
    })

    it('lists and shows what others wrote without a character that a terminal would obey, as JSON too', async () => {
      receiver.answer = (response) => response.writeHead(500).end('red \u009b31m, back to front \u202e')
      const process = await start()
      const key = `${newKey()}\u009b2J\u202e\u2066`
      await process.cross(key, target())
      await until('the dead alert', async () => (await everything(place.plain)).dead === 1)
      const [view] = await json('alerts', 'list', '--dead')
      expect(view.key_id).to.equal(key)
      const printed = [
        await run('alerts', 'list', '--dead'),
        await run('alerts', 'list', '--dead', '--json'),
        await run('alerts', 'show', view.id),
        await run('alerts', 'show', view.id, '--json'),
        await run('alerts', 'test', key),
        await run('alerts', 'discard', view.id),
      ].map(({ stdout, stderr }) => stdout + stderr)
      for (const text of [...printed, ...process.lines]) expect(text).not.to.match(/(?!\n)[\p{Cc}\p{Cf}]/u)
    })

    it('gives a replayed alert its whole schedule again', async () => {
      const { id, process } = await deadAlert()
      await process.dispatcher.stop(0)
      const patient = new DispatchingProcess(await place.connect(), {
        schedule: [10, 10],
        signers: new Map([['plugin-1', [signingKey(SECRET)]]]),
        lease: 600,
      })
      processes.push(patient)
      patient.dispatcher.start()
      expect((await run('alerts', 'replay', '--all-dead')).stdout).to.equal(
        '1 of 1 alerts will be sent again\n',
      )
      await until(
        'the end of the schedule',
        async () => (await json('alerts', 'show', id)).attempts.length === 4,
      )
      await until('its death', async () => (await json('alerts', 'show', id)).state === 'dead')
      expect((await json('alerts', 'show', id)).reason).to.match(/^3 attempts failed/)
    })

    it('tests a webhook through a dispatcher that knows its secrets, and leaves nothing behind', async () => {
      const { key, id } = await deadAlert()
      receiver.received.length = 0
      const failed = await run('alerts', 'test', key)
      expect(failed.code).to.equal(1)
      expect(failed.stderr).to.match(/^vk: http:\/\/127\.0\.0\.1:\d+ answered 500 in \d+ ms: broken/)
      expect(await json('alerts', 'list', '--dead')).to.have.length(1)
      receiver.answer = (response) => response.writeHead(200).end()
      const { code, stdout } = await run('alerts', 'test', key)
      expect(stdout).to.match(/^http:\/\/127\.0\.0\.1:\d+ answered 200 in \d+ ms\n$/)
      expect(code).to.equal(0)
      expect(receiver.received).to.have.length(2)
      const { body = '', headers = {} } = receiver.received[1] ?? {}
      new Webhook(SECRET).verify(body, headers as Record<string, string>)
      expect(JSON.parse(body)).to.include({ event: 'test', key_id: key })
      expect(headers['webhook-id']).not.to.equal(id)
    })

    it('withdraws a test that no dispatcher takes', async () => {
      const { key, process } = await deadAlert()
      await process.dispatcher.stop(0)
      const { code, stderr } = await run('alerts', 'test', key, '--wait', '0.5')
      expect(code).to.equal(1)
      expect(stderr).to.match(/^vk: no dispatcher sent the test within 0.5 s: /)
      const { alerts, retry } = await everything(place.plain)
      expect([alerts, retry]).to.deep.equal([0, 0])
    })

    it('tests a webhook that is named, with secrets from a file or the environment', async () => {
      const file = join(folder, 'secrets')
      writeFileSync(file, `# rotation\n${SECRET}\n`)
      const named = ['alerts', 'test', 'any', '--url', receiver.url]
      expect((await vk([...named, '--secret-file', file, '--allow-private-networks'])).code).to.equal(0)
      expect(
        (await vk([...named, '--allow-private-networks'], { VIRTUAL_KEY_SECRETS: SECRET })).code,
      ).to.equal(0)
      for (const { body, headers } of receiver.received)
        new Webhook(SECRET).verify(body, headers as Record<string, string>)
      const refused = await vk([...named, '--unsigned'])
      expect([refused.code, refused.stderr]).to.deep.equal([1, refused.stderr])
      expect(refused.stderr).to.include('unsigned test: ').and.to.include('private address')
      expect(receiver.received).to.have.length(2)
    })

    it('never tests unsigned where there are secrets, and else only if told to', async () => {
      const named = ['alerts', 'test', 'any', '--url', receiver.url, '--allow-private-networks']
      const own = { VIRTUAL_KEY_SECRETS: `plugin-9 ${SECRET}` }
      const refused = [
        await vk(named),
        await vk(named, own),
        await vk([...named, '--configuration', 'plugin-8'], own),
        await vk([...named, '--unsigned'], own),
      ]
      expect(refused.map(({ code }) => code)).to.deep.equal([2, 2, 2, 2])
      expect(refused.map(({ stderr }) => stderr.split(':')[1])).to.deep.equal([
        ' no signing secret is given',
        ' the signing secrets belong to single configurations',
        ' the signing secrets belong to single configurations',
        ' --unsigned, but signing secrets are named too\n',
      ])
      expect(receiver.received).to.have.length(0)
      expect((await vk([...named, '--configuration', 'plugin-9'], own)).code).to.equal(0)
      const { body = '', headers = {} } = receiver.received[0] ?? {}
      new Webhook(SECRET).verify(body, headers as Record<string, string>)
      expect((await vk([...named, '--unsigned'])).stdout).to.match(/^unsigned test: .* answered 204/)
      expect(receiver.received[1]?.headers).not.to.have.property('webhook-signature')
    })

    it('discards an alert that waits or is dead, and none that is being delivered', async () => {
      const { id, process } = await deadAlert()
      expect(await run('alerts', 'discard', id)).to.include({ code: 0, stderr: '' })
      expect(await json('alerts', 'list')).to.deep.equal([])
      expect((await run('alerts', 'discard', id)).stderr).to.equal(`vk: there is no alert "${id}"\n`)

      await process.cross(newKey(), target({ configuration: 'plugin-7' }))
      await until('the parked alert', async () => (await everything(place.plain)).retry === 1)
      const [waiting] = await json('alerts', 'list')
      expect(waiting).to.include({ state: 'waiting', configuration: 'plugin-7' })
      expect(waiting.waits_for).to.equal('no process that looked has the secrets of configuration "plugin-7"')
      expect((await run('alerts', 'discard', waiting.id)).code).to.equal(0)
      expect(await everything(place.plain)).to.include({ outbox: 0, alerts: 0, retry: 0, dead: 0 })

      let answer: (() => void) | undefined
      receiver.answer = (response) => {
        answer = () => response.writeHead(200).end()
      }
      await process.cross(newKey(), target({ timeout: 60_000 }))
      await until('the attempt', () => answer)
      const [delivering] = await json('alerts', 'list')
      const refused = await run('alerts', 'discard', delivering.id)
      expect([refused.code, refused.stderr]).to.deep.equal([
        1,
        `vk: alert ${delivering.id} is being delivered: try again when it waits\n`,
      ])
      answer?.()
    })

    it('purges dead letters, all or the old ones, and only with --yes', async () => {
      await deadAlert()
      await deadAlertToo()
      const asked = await run('alerts', 'purge')
      expect(asked).to.deep.equal({
        code: 2,
        stdout: '2 dead letters would be removed\n',
        stderr: 'vk: nothing was removed: repeat the command with --yes\n',
      })
      expect((await run('alerts', 'purge', '--older-than', '1h', '--yes')).stdout).to.equal(
        '0 dead letters removed\n',
      )
      expect((await run('alerts', 'purge', '--yes')).stdout).to.equal('2 dead letters removed\n')
      expect((await everything(place.plain)).dead).to.equal(0)
    })

    it('replays to another webhook, and as alerts of another configuration', async () => {
      const { id } = await deadAlert()
      const other = await Receiver.start()
      try {
        const replay = ['alerts', 'replay', id]
        expect((await run(...replay, '--url', 'ftp://example.com')).code).to.equal(2)
        expect((await run(...replay, '--url', 'http://me:p4ss@example.com')).code).to.equal(2)
        expect((await run(...replay, '--url', other.url)).code).to.equal(0)
        await until('the delivery', async () => (await everything(place.plain)).delivered === 1)
        expect(other.ids).to.deep.equal(new Set([id]))
        expect((await json('alerts', 'show', id)).webhook).to.equal(new URL(other.url).origin)
        // It stays with the record, and so does a change of configuration, of which nobody has the secrets.
        expect((await run(...replay, '--configuration', 'plugin-6')).code).to.equal(0)
        const view = await until('the wait', async () => {
          const [one] = await json('alerts', 'list')
          return one?.waits_for === undefined ? undefined : one
        })
        expect(view).to.include({ id, configuration: 'plugin-6', webhook: new URL(other.url).origin })
      } finally {
        await other.stop()
      }
    })

    it('dispatch delivers what waits, signed with secrets for all or for one configuration, and ends cleanly on SIGTERM', async () => {
      const other = `whsec_${randomBytes(32).toString('base64')}`
      const settling = await start()
      await settling.dispatcher.stop(0)
      const [common, own] = [newKey(), newKey()]
      await settling.cross(common, target({ configuration: 'plugin-8', signed: true }), false)
      await settling.cross(own, target({ configuration: 'plugin-9', signed: true }), false)
      for (const partition of Array(16).keys()) {
        // Its owner has stopped cleanly long ago.
        const names = `vk:{${partition}}`
        for (const id of await place.plain.hkeys(`${names}:alerts`)) {
          await place.plain.del(`${names}:outbox`)
          await place.plain.zadd(`${names}:retry`, 0, id)
        }
      }
      const child = startVk(['dispatch'], {
        ...connection,
        VIRTUAL_KEY_SECRETS: `${SECRET},plugin-9 ${other}`,
      })
      const end = ended(child)
      await until('both alerts', () => receiver.received.length === 2)
      await until('an empty outbox', async () => (await everything(place.plain)).delivered === 2)
      for (const { body, headers } of receiver.received) {
        const secret = JSON.parse(body).key_id === own ? other : SECRET
        new Webhook(secret).verify(body, headers as Record<string, string>)
        expect(String(headers['webhook-signature']).split(' ')).to.have.length(1)
      }
      child.kill('SIGTERM')
      const { code, stdout } = await end
      expect(code).to.equal(0)
      expect(stdout).to.match(/dispatching, process \d+/)
      expect(stdout).to.match(/stopped; counters delivered=2\n$/)
      for (const hidden of [SECRET.slice(6), other.slice(6), 'p4ss', 'T0KEN'])
        expect(stdout).not.to.include(hidden)
    })

    it('dispatch without secrets delivers what is unsigned, and says what it cannot deliver', async () => {
      const settling = await start()
      await settling.dispatcher.stop(0)
      const [signed, unsigned] = [newKey(), newKey()]
      await settling.cross(signed, target({ configuration: 'plugin-8', signed: true }), false)
      await settling.cross(
        unsigned,
        targetAt(receiver.url, { configuration: 'plugin-7', allowPrivateNetworks: true }),
        false,
      )
      for (const partition of Array(16).keys()) {
        const { outbox, alerts, retry } = outboxNames(partition)
        for (const id of await place.plain.hkeys(alerts)) {
          await place.plain.del(outbox)
          await place.plain.zadd(retry, 0, id)
        }
      }
      const child = startVk(['dispatch'], connection)
      const end = ended(child)
      await until('the unsigned one', async () => (await everything(place.plain)).delivered === 1)
      await until('the wait', async () => (await json('alerts', 'list'))[0]?.waits_for !== undefined)
      child.kill('SIGTERM')
      const { code, stdout } = await end
      expect(code).to.equal(0)
      expect(stdout).to.match(/warn: no signing secret is given/)
      expect(stdout).to.include(`alerts of key "${signed}" wait: no process that looked has the secrets of`)
      expect(receiver.received.map(({ body }) => JSON.parse(body).key_id)).to.deep.equal([unsigned])
      expect(receiver.received[0]?.headers).not.to.have.property('webhook-signature')
    })

    it('tests where the next alert of a key goes, not where an operator has sent an old one', async () => {
      const { key, id, process } = await deadAlert()
      const settings = {
        url: receiver.url,
        timeout: 5000,
        allowPrivateNetworks: true,
        format: 'json' as const,
        registry: false,
      }
      process.dispatcher.learn('plugin-1', settings, [signingKey(SECRET)])
      await until('shared settings', () => place.plain.exists(configurationName('plugin-1')))
      receiver.answer = (response) => response.writeHead(204).end()
      const other = await Receiver.start()
      try {
        await run('alerts', 'replay', id, '--url', other.url)
        await until('the delivery', async () => (await everything(place.plain)).delivered === 1)
        const test = await run('alerts', 'test', key)
        expect(test.stdout).to.include(`${new URL(receiver.url).origin} answered 204`)
        expect(other.ids).to.deep.equal(new Set([id]))
      } finally {
        await other.stop()
      }
    })

    it("tests a configuration's webhook for a key that has had no alert", async () => {
      const process = await start()
      const settings = {
        url: receiver.url,
        timeout: 5000,
        allowPrivateNetworks: true,
        format: 'json' as const,
        registry: false,
      }
      const unknown = await run('alerts', 'test', 'any', '--configuration', 'plugin-5')
      expect([unknown.code, unknown.stderr]).to.deep.equal([
        1,
        'vk: no plugin server has published configuration "plugin-5" yet: one does so at the first request that uses it\n',
      ])
      process.dispatcher.learn('plugin-5', settings, [signingKey(SECRET)])
      await until('shared settings', () => place.plain.exists(configurationName('plugin-5')))
      const test = await run('alerts', 'test', 'any', '--configuration', 'plugin-5')
      expect(test.stdout).to.match(/^http:\/\/127\.0\.0\.1:\d+ answered 204 in \d+ ms\n$/)
      const { body = '', headers = {} } = receiver.received[0] ?? {}
      new Webhook(SECRET).verify(body, headers as Record<string, string>)
    })
  })

describe('vk', () => {
  const exits: ReadonlyArray<readonly [number, string, readonly string[]]> = [
    [0, 'manages virtual keys, their usage and their alerts', ['--help']],
    [2, 'unknown command', ['bogus']],
    [2, 'missing required argument', ['alerts', 'show']],
    [2, 'does not look like', ['alerts', 'list', '--redis-url', 'http://x']],
    [2, 'a password does not belong', ['alerts', 'list', '--redis-url', 'redis://:hidden@127.0.0.1']],
    [2, 'is not host:port', ['alerts', 'list', '--cluster-nodes', 'localhost']],
    [2, 'credentials do not belong', ['alerts', 'test', 'k', '--url', 'http://a:hidden@example.com']],
    [2, 'no time such as', ['alerts', 'purge', '--older-than', 'long']],
    [2, 'retry schedule', ['dispatch', '--schedule', '5 days']],
    [2, '--secret-file', ['dispatch', '--secret-file', '/no/such/file']],
  ]
  for (const [code, message, args] of exits)
    it(`${args.join(' ')} ends with ${code}`, async () => {
      const end = await vk(args)
      expect(end.code).to.equal(code)
      expect(end.stdout + end.stderr).to.include(message)
      expect(end.stdout + end.stderr).not.to.include('hidden')
    })

  it('ends with 3 where Redis cannot be reached', async () => {
    const { code, stderr } = await vk([
      'alerts',
      'list',
      '--redis-url',
      `redis://127.0.0.1:${await freePort()}`,
    ])
    expect(code).to.equal(3)
    expect(stderr).to.include('ECONNREFUSED')
  })

  it('tells no secret that it cannot read', async () => {
    const { code, stderr } = await vk(['dispatch'], { VIRTUAL_KEY_SECRETS: 'whsec_notgood' })
    expect(code).to.equal(2)
    expect(stderr).to.include('line 1').and.not.to.include('notgood')
  })
})
