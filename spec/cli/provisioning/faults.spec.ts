import { expect } from 'chai'
import { keyName } from '../../../plugins/virtual-key/redis/names.ts'
import type { AdminApiDouble, Fault } from '../../support/admin-api.ts'
import type { CredentialSeen } from '../../support/provisioning.ts'
import { Provisioning } from '../../support/provisioning.ts'
import type { Ended } from '../../support/vk.ts'

/** Not done, or done and nobody hears of it. What does not last is tried again by the same run, but for new plugins. */
const FAULTS: ReadonlyArray<{ readonly kind: Fault; readonly lasts: boolean }> = [
  { kind: 'error before', lasts: true },
  { kind: 'cut after', lasts: true },
  { kind: 'cut after', lasts: false },
]

interface Case {
  readonly name: string
  /** What is there before. */
  readonly given: (on: Provisioning, id: string, service: string) => Promise<unknown>
  readonly args: (id: string, service: string) => string[]
  /** The number of writes to Kong, of which each fails in each way. */
  readonly writes: number
}

const nothing = () => Promise.resolve()
const settings = ['--alert-threshold', '100', '--rate-limit', '5']

const CASES: readonly Case[] = [
  {
    name: 'keys create with a configuration of its own',
    given: nothing,
    args: (id, service) => ['keys', 'create', id, '--service', service, ...settings, '--no-registry'],
    writes: 4,
  },
  {
    name: 'keys create with a record',
    given: nothing,
    args: (id, service) => ['keys', 'create', id, '--service', service, ...settings, '--registry'],
    writes: 3,
  },
  {
    name: 'keys create that changes settings',
    given: (on, id) =>
      on.json('keys', 'create', id, '--no-registry', '--alert-threshold', '5', '--rate-limit', '4'),
    args: (id) => ['keys', 'create', id, '--no-registry', ...settings],
    writes: 2,
  },
  {
    name: 'keys rotate',
    given: async (on, id) => {
      await on.json('keys', 'create', id, '--no-registry')
      await on.kong.send('POST', `/consumers/${id}/key-auth`, { key: `${id}-theirs` })
    },
    args: (id) => ['keys', 'rotate', id, '--overlap', '1h'],
    writes: 4,
  },
  {
    name: 'keys rotate without overlap',
    given: (on, id) => on.json('keys', 'create', id, '--no-registry'),
    args: (id) => ['keys', 'rotate', id, '--overlap', '0'],
    writes: 3,
  },
  {
    name: 'keys delete',
    given: (on, id) => on.json('keys', 'create', id, '--registry', ...settings),
    args: (id) => ['keys', 'delete', id, '--registry', '--yes'],
    writes: 3,
  },
  {
    name: 'plugin enable',
    given: nothing,
    args: (_, service) => ['plugin', 'enable', '--service', service, '--set', 'registry=true'],
    writes: 2,
  },
]

/** The double alone can fail where it is told to. */
describe('a Kong that fails in the middle', function () {
  this.timeout(240_000)

  let on: Provisioning
  let double: AdminApiDouble

  before(async function () {
    if (process.env.KONG_ADMIN_URL !== undefined) this.skip()
    on = await Provisioning.start()
    if (on.kong.double === undefined) throw new Error('there is no double')
    double = on.kong.double
  })
  after(() => on?.stop())

  /** What there is in the end, but for what differs between any two keys. */
  async function state(id: string, service: string): Promise<unknown> {
    const own = (text: string) => text.replaceAll(id, 'ID').replaceAll(service, 'SERVICE')
    const seen = [
      ...double.entities('consumers').filter(({ username }) => username === id),
      ...(await on.credentials(id)).map(({ ttl, tags, key }) => ({
        ttl: typeof ttl === 'number' ? 'ends' : 'stays',
        tags,
        theirs: key.endsWith('-theirs'),
      })),
      ...(await on.kong.list(`/consumers/${id}/plugins`)),
      ...(await on.kong.list(`/services/${service}/plugins`)),
      await on.redis.hgetall(keyName(id)),
    ]
    // Lists come in the order of their ids, which are drawn.
    const texts = seen.map((one) =>
      JSON.stringify(one, (name, value) =>
        ['id', 'created_at', 'updated_at'].includes(name) ? undefined : value,
      ),
    )
    return texts
      .map((text) => JSON.parse(own(text)))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }

  for (const { name, given, args, writes } of CASES) {
    it(`${name}: whichever write fails, the same command again leads to the same end`, async () => {
      const attempt = async (fault: (write: number) => Fault | undefined) => {
        await on.redis.flushall()
        const id = on.kong.newName()
        const service = (await on.kong.newService()).name
        await given(on, id, service)
        const before = new Set((await on.credentials(id)).map(({ key }) => key))
        double.resetWrites()
        let count = 0
        double.fault = (write) => {
          count = write
          return fault(write)
        }
        const first = await on.run(...args(id, service))
        double.fault = () => undefined
        const runs = [first]
        if (first.code !== 0) runs.push(await on.run(...args(id, service)))
        const credentials = await on.credentials(id)
        expect(runs.at(-1)?.code, runs.at(-1)?.stderr).to.equal(0)
        return {
          first,
          runs,
          count,
          end: await state(id, service),
          fresh: credentials.filter(({ key }) => !before.has(key)),
        }
      }
      const { end, count, fresh } = await attempt(() => undefined)
      expect(count).to.equal(writes)
      for (let write = 1; write <= writes; write++)
        for (const { kind, lasts } of FAULTS) {
          // That the last word of a rotation was heard nobody can know: the next command is another rotation.
          if (lasts && kind === 'cut after' && write === writes && name.startsWith('keys rotate')) continue
          const failed = await attempt((one) => (one === write || (lasts && one > write) ? kind : undefined))
          const what = `${kind} write ${write}${lasts ? ' and those that follow' : ''}`
          expect(failed.end, what).to.deep.equal(end)
          expect(failed.fresh.length, what).to.equal(fresh.length)
          expectShown(failed.runs, failed.fresh)
          if (lasts) expectTold(failed.first)
        }
    })
  }

  it('shows a key of which nobody knows whether Kong has it, and does not make another where it has', async () => {
    const id = on.kong.newName()
    const args = ['keys', 'create', id, '--no-registry']
    double.fault = (_, { path }) => (path.endsWith('/key-auth') ? 'cut after' : undefined)
    const first = await on.run(...args)
    double.fault = () => undefined
    expect(first.code).to.equal(1)
    expect(first.stderr).to.include(`perhaps done, no answer says so: + credential of consumer ${id}`)
    expect(first.stderr).to.include('the key above is good if that finds its credential')
    const key = first.stdout.trimEnd().split('\n').at(-1)
    const again = await on.json(...args)
    expect(again.changes).to.deep.equal([])
    expect((await on.credentials(id)).map((one) => one.key)).to.deep.equal([key])
  })

  it('reports with --json what is done, failed and not done', async () => {
    const id = on.kong.newName()
    double.resetWrites()
    double.fault = (write) => (write === 2 ? 'error before' : undefined)
    const end = await on.run('keys', 'create', id, '--no-registry', ...settings, '--json')
    double.fault = () => undefined
    const { changes, error, key } = JSON.parse(end.stdout)
    expect(end.code).to.equal(1)
    expect(changes.map(({ state: one }: { state: string }) => one)).to.deep.equal([
      'done',
      'unknown',
      'not_done',
      'not_done',
    ])
    expect([error, key]).to.deep.equal([
      `POST /consumers/${id}/plugins: 500 An unexpected error occurred`,
      undefined,
    ])
  })
})

/** Every credential that is there now was shown, by one run alone. */
function expectShown(runs: readonly Ended[], fresh: readonly CredentialSeen[]): void {
  for (const { key } of fresh) {
    const shown = runs.filter(({ stdout }) => stdout.includes(key))
    expect(shown.length, 'runs that show the key').to.equal(1)
  }
}

function expectTold({ code, stderr }: Ended): void {
  expect(code).to.equal(1)
  expect(stderr).to.match(/perhaps done, no answer says so: [+~-] /)
  expect(stderr).to.match(/\d of \d changes are made; the same command again goes on from there/)
}
