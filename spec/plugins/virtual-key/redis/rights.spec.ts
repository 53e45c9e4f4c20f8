import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { RATE_LIMIT_RULES } from '../../../../cli/provisioning/rate-limit-plan.ts'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { MIGRATION_SCRIPTS } from '../../../../migrations/scripts.ts'
import { admit } from '../../../../plugins/virtual-key/admission/admit.ts'
import { reservationOf } from '../../../../plugins/virtual-key/admission/reserve.ts'
import { settle } from '../../../../plugins/virtual-key/metering/settle.ts'
import { windowAt } from '../../../../plugins/virtual-key/policy/window.ts'
import { leastRules, PLUGIN_SERVER_RIGHTS, VK_RIGHTS } from '../../../../plugins/virtual-key/redis/rights.ts'
import type { Connection } from '../../../../plugins/virtual-key/redis/script.ts'
import { AllOrNothing } from '../../../support/all-or-nothing.ts'
import { connected } from '../../../support/connection.ts'
import { DispatchingProcess, everything } from '../../../support/dispatching.ts'
import { LEDGER_SITUATIONS } from '../../../support/ledger-situations.ts'
import { OUTBOX_SITUATIONS } from '../../../support/outbox-situations.ts'
import { PROCESS_SITUATIONS } from '../../../support/process-situations.ts'
import { Receiver } from '../../../support/receiver.ts'
import { REGISTRY_SITUATIONS } from '../../../support/registry-situations.ts'
import { ROOT } from '../../../support/root.ts'
import { until } from '../../../support/until.ts'
import { policy, targetAt, usageRecord } from '../../../support/usage-record.ts'
import { vk } from '../../../support/vk.ts'

/** What is called outside the scripts: to connect, also to a cluster, and to look at signs of life. */
const CONNECTION: readonly string[] = [
  'client|setname',
  'cluster|slots',
  'eval',
  'evalsha',
  'hgetall',
  'info',
  'select',
]

const TYPES = ['list', 'text'] as const

/** Each script, in each situation in which it writes, with each command and each key in turn taken from it. */
describe('Scripts do everything or nothing', function () {
  this.timeout(120_000)

  let server: PrivateRedis
  let trial: AllOrNothing
  const called = { server: new Set<string>(), vk: new Set<string>() }

  before(async () => {
    server = await PrivateRedis.start()
    trial = await AllOrNothing.open(server)
    MIGRATION_SCRIPTS.define(trial.connection)
  })

  after(async () => {
    trial?.close()
    await server?.stop()
  })

  for (const situation of [
    ...LEDGER_SITUATIONS,
    ...REGISTRY_SITUATIONS,
    ...OUTBOX_SITUATIONS,
    ...PROCESS_SITUATIONS,
  ]) {
    it(situation.title, async () => {
      const reference = await trial.reference(situation)
      const who = REGISTRY_SITUATIONS.includes(situation) ? called.vk : called.server
      for (const command of reference.commands) who.add(command)
      // A cluster, or a proxy before one, finds the node by them.
      expect(reference.keys).to.include.members(reference.touched)
      const wrong: string[] = []
      const look = async (what: string, problem: Promise<string | undefined>) => {
        const found = await problem
        if (found !== undefined) wrong.push(`${what}: ${found}`)
      }
      for (const command of reference.commands)
        await look(`without ${command}`, trial.denied(situation, reference, command))
      for (const key of reference.keys) {
        for (const type of TYPES)
          await look(`${key} is a ${type}`, trial.mistyped(situation, reference, key, type))
      }
      expect(wrong).to.deep.equal([])
    })
  }

  it('and the rights that are printed are what they call, and what a connection needs', () => {
    const server = new Set<string>([...PLUGIN_SERVER_RIGHTS].filter((right) => !CONNECTION.includes(right)))
    expect([...called.server].sort()).to.deep.equal([...server].sort())
    const rights = [...server, ...VK_RIGHTS]
    expect([...called.vk].filter((command) => !rights.includes(command))).to.deep.equal([])
  })
})

/** The commands that docs/operations.md prints for a Redis user, each as its arguments after a shell has read them. */
function printedCommands(): string[][] {
  const page = readFileSync(resolve(ROOT, 'docs', 'operations.md'), 'utf8')
  const [section = ''] = page.split(/^##+ /m).filter((one) => one.startsWith('A Redis user\n'))
  const commands = section.match(/^redis-cli (?:.*\\\n)*.*$/gm) ?? []
  return commands.map((command) => {
    const shown = execFileSync('sh', ['-c', command.replace('redis-cli', "printf '%s\\n'")])
    return shown.toString().trim().split('\n')
  })
}

/** Denials that Redis remembers. */
async function denials(admin: Redis): Promise<string[]> {
  const entries = (await admin.call('ACL', 'LOG')) as unknown[][]
  return entries.map((entry) => entry.join(' '))
}

describe('A Redis user with no other rights than those printed', function () {
  this.timeout(120_000)

  let server: PrivateRedis
  let admin: Redis

  beforeEach(async () => {
    server = await PrivateRedis.start()
    admin = new Redis(server.port)
  })

  afterEach(async () => {
    admin?.disconnect()
    await server?.stop()
  })

  const user = (rights: readonly string[]) =>
    admin.call('ACL', 'SETUSER', 'virtual-key', 'reset', 'on', '>secret', ...leastRules(rights))

  it('is what the printed commands make, each pasted into a shell as it stands', async () => {
    const rules = async (name: string) => {
      const users = (await admin.call('ACL', 'LIST')) as string[]
      return users.find((one) => one.startsWith(`user ${name} `))?.slice(`user ${name} `.length)
    }
    const commands = printedCommands()
    const rights = [leastRules(PLUGIN_SERVER_RIGHTS), VK_RIGHTS.map((right) => `+${right}`), RATE_LIMIT_RULES]
    expect(commands).to.have.length(rights.length)
    for (const [index, [command = '', ...rest]] of commands.entries()) {
      await admin.call(command, ...rest)
      await admin.call('ACL', 'SETUSER', 'least', 'on', '>password', ...(rights[index] ?? []))
      expect(await rules('virtual-key')).to.equal(await rules('least'))
    }
  })

  it('counts for rate limits of Kong, with what is printed for them', async () => {
    await user(PLUGIN_SERVER_RIGHTS)
    await admin.call('ACL', 'SETUSER', 'virtual-key', ...RATE_LIMIT_RULES)
    const { redis } = await connected(server.port, { username: 'virtual-key', password: 'secret' })
    // What Kong 3.9's rate-limiting runs where it does not set sync_rate.
    const script = `if redis.call("incr", KEYS[1]) == 1 then redis.call("expire", KEYS[1], ARGV[1]) end`
    try {
      await redis.eval(script, 1, 'ratelimit:route:service:consumer:1795529040000:minute', 60)
      expect(await denials(admin)).to.deep.equal([])
    } finally {
      redis.disconnect()
    }
  })

  it('admits, counts and delivers', async () => {
    await user(PLUGIN_SERVER_RIGHTS)
    const connection = await connected(server.port, { username: 'virtual-key', password: 'secret' })
    const { redis } = connection
    const receiver = await Receiver.start()
    const gateway = new DispatchingProcess(connection)
    gateway.dispatcher.start()
    try {
      const reservation = reservationOf('spec-1', 10)
      const alert = { key_id: 'vk-abc', timestamp: '2026-04-06T19:00:00Z' }
      const request = { ...policy('vk-abc', { budget: 100 }), denyUnknown: false, alert, reservation }
      expect((await admit(redis, 'spec', request, 'openai')).state).to.equal('admitted')
      const own = { reservation, window: windowAt('day', Date.now()) }
      const id = { processId: 'spec', sequence: 1 }
      expect(
        (await settle(redis, { id, ...usageRecord('vk-abc', 5, own), service: 'openai' })).state,
      ).to.equal('settled')
      await gateway.cross('vk-abc', targetAt(receiver.url))
      await until('the alert', () => receiver.received.length === 1)
      await until('its end', async () => (await everything(redis as Connection)).outbox === 0)
      expect(
        (await admit(redis, 'spec', { ...request, windows: policy('x').windows }, 'openai')).state,
      ).to.equal('budget')
      expect(await denials(admin)).to.deep.equal([])
    } finally {
      await gateway.stop()
      await receiver.stop()
    }
  })

  it('is enough for vk, with what is printed for it', async () => {
    await user([...PLUGIN_SERVER_RIGHTS, ...VK_RIGHTS])
    const env = { REDIS_URL: `redis://virtual-key:secret@127.0.0.1:${server.port}` }
    for (const args of [
      ['migrate'],
      ['migrate', '--status'],
      ['keys', 'create', 'vk-abc', '--token-budget', '100'],
      ['keys', 'update', 'vk-abc', '--token-budget', '200'],
      ['keys', 'list'],
      ['keys', 'show', 'vk-abc'],
      ['usage', 'vk-abc'],
      ['keys', 'reset', 'vk-abc'],
      ['alerts', 'list'],
      ['keys', 'delete', 'vk-abc', '--yes'],
    ]) {
      const { code, stderr } = await vk(args, env)
      expect([args.join(' '), code, stderr]).to.deep.include(0)
    }
    await vk(['doctor'], env)
    // The doctor looks at Redis's own configuration and at its own rights where it may.
    expect((await denials(admin)).filter((one) => !/object (config|acl)\|/.test(one))).to.deep.equal([])
  })
})
