import type { ChildProcess } from 'node:child_process'
import { expect } from 'chai'
import { migrate } from '../../../migrations/migrate.ts'
import {
  keyName,
  migrationLockName,
  migrationProgressName,
  PARTITIONS,
  schemaName,
} from '../../../plugins/virtual-key/redis/names.ts'
import { PLACES, type Place } from '../../support/place.ts'
import { contents, idsIn, writeHashes } from '../../support/records.ts'
import { ServerStatistics } from '../../support/server-statistics.ts'
import { until } from '../../support/until.ts'
import { ended, startVk, vk } from '../../support/vk.ts'

const PROCESSES = 20
/** Records of the one partition in which work is long enough to be interrupted. */
const MANY = 30_000
const NOTHING = 'nothing to do: every step is applied\n'

for (const [where, open] of Object.entries(PLACES))
  describe(`vk migrate on ${where}`, function () {
    this.timeout(120_000)

    let place: Place
    let environment: Record<string, string>
    let statistics: ServerStatistics
    const stopped: ChildProcess[] = []

    before(async () => {
      place = await open()
      statistics = new ServerStatistics(place)
      const ports = place.servers.map(({ port }) => port)
      environment =
        ports.length === 1
          ? { REDIS_URL: `redis://127.0.0.1:${ports[0]}` }
          : { REDIS_CLUSTER_NODES: ports.map((port) => `127.0.0.1:${port}`).join(',') }
    })

    beforeEach(() => place.flush())

    afterEach(() => {
      for (const child of stopped.splice(0)) child.kill('SIGKILL')
    })

    after(async () => {
      statistics.stop()
      await place.stop()
    })

    const run = (...args: string[]) => vk(['migrate', ...args], environment)
    const seed = (ids: readonly string[]) =>
      writeHashes(
        place.plain,
        ids.map((id) => [id, { created_at: '1', epoch: '2' }]),
      )
    const everyId = (count: number) => Array.from({ length: count }, (_, i) => `key-${i}`)
    /** Records that lack a field of the second step. */
    const lacking = async (ids: readonly string[]) => {
      const values = await Promise.all(
        ids.map((id) => place.plain.hmget(keyName(id), 'alert_threshold', 'alert_webhook')),
      )
      return values.filter((both) => both.some((value) => value !== '')).length
    }
    /** A process that stands still in the middle of the second step in partition 2. */
    const stoppedInTheMiddle = async (): Promise<ChildProcess> => {
      const child = startVk(['migrate'], environment)
      stopped.push(child)
      for (let looked = 0; looked === 0; ) {
        if (child.exitCode !== null) throw new Error('it ended before it was seen in the middle')
        const version = await place.plain.hget(schemaName(2), 'version')
        looked = version === '1' ? Number(await place.plain.hget(migrationProgressName(2), 'looked')) : 0
      }
      child.kill('SIGSTOP')
      return child
    }

    it('applies quietly, tells what it did, and has nothing to do then', async () => {
      const fresh = await run()
      // On a busy machine it takes so long that it tells how far it is.
      const stderr = fresh.stderr.replace(
        /^virtual-key info: \w+, partition \d+ of 16: 0 records looked at\n/gm,
        '',
      )
      expect({ ...fresh, stderr }).to.deep.equal({
        code: 0,
        stdout:
          '001_virtual_keys applied, 0 records changed\n002_virtual_key_alert applied, 0 records changed\n',
        stderr: '',
      })
      expect(await run()).to.deep.equal({ code: 0, stdout: NOTHING, stderr: '' })
      await place.flush()
      await seed(everyId(1))
      expect(JSON.parse((await run('--json')).stdout)).to.deep.equal([
        { step: '001_virtual_keys', records: 1 },
        { step: '002_virtual_key_alert', records: 1 },
      ])
      expect(await run('--json')).to.deep.equal({ code: 0, stdout: '[]\n', stderr: '' })
    })

    it('--dry-run tells what would be done to how many records, and changes nothing', async () => {
      await seed(everyId(5200))
      await place.plain.hset(keyName('unregistered'), 'epoch', '3')
      await place.plain.hset(keyName('key-7'), 'alert_threshold', '5', 'alert_webhook', '')
      const before = await contents(place)
      expect(await run('--dry-run')).to.deep.equal({
        code: 0,
        stdout:
          '001_virtual_keys would run and change 5200 records\n002_virtual_key_alert would run and change 5199 records\n',
        stderr: '',
      })
      expect(JSON.parse((await run('--dry-run', '--json')).stdout)).to.deep.equal([
        { step: '001_virtual_keys', records: 5200 },
        { step: '002_virtual_key_alert', records: 5199 },
      ])
      expect(await contents(place)).to.deep.equal(before)

      // What it said is what is done.
      expect((await run()).stdout).to.equal(
        '001_virtual_keys applied, 5200 records changed\n002_virtual_key_alert applied, 5199 records changed\n',
      )
      expect((await run('--dry-run')).stdout).to.equal(NOTHING)

      await place.plain.hdel(keyName('key-3'), 'alert_webhook')
      for (let partition = 0; partition < PARTITIONS; partition++)
        await place.plain.hset(schemaName(partition), 'version', '1')
      expect((await run('--dry-run')).stdout).to.equal(
        '002_virtual_key_alert would run and change 1 record\n',
      )
    })

    it('--status tells which steps are applied, where and when, and changes nothing', async () => {
      const none = await run('--status')
      expect(none.code).to.equal(0)
      expect(none.stdout).to.match(/^STEP +APPLIED +WHEN\n001_virtual_keys +no\n002_virtual_key_alert +no\n$/)
      expect(await place.names()).to.deep.equal([])
      await run()
      await place.plain.hset(schemaName(6), 'version', '1')
      for (let partition = 0; partition < PARTITIONS; partition++)
        await place.plain.hset(
          schemaName(partition),
          '001_virtual_keys',
          String(Date.UTC(2026, 8, 21) + partition),
        )
      const before = await contents(place)
      expect((await run('--status')).stdout).to.match(
        /\n001_virtual_keys +yes +2026-09-21T00:00:00Z\n002_virtual_key_alert +in 15 of 16 partitions +\d{4}-\S+Z\n$/,
      )
      const { steps, ...versions } = JSON.parse((await run('--status', '--json')).stdout)
      expect(versions).to.deep.equal({ version: 1, newest: 2 })
      expect(steps[0]).to.deep.equal({
        step: '001_virtual_keys',
        applied: true,
        partitions: 16,
        applied_at: '2026-09-21T00:00:00Z',
      })
      expect(steps[1]).to.include({ step: '002_virtual_key_alert', applied: false, partitions: 15 })
      expect(await contents(place)).to.deep.equal(before)
    })

    it(`${PROCESSES} at once: one works, the others wait for it, and each step is applied once`, async () => {
      const ids = [...everyId(5000), ...idsIn(0, MANY, 'zero')]
      await seed(ids)
      await statistics.forget()
      const ends = await Promise.all(Array.from({ length: PROCESSES }, () => run()))
      expect(ends.map(({ code }) => code)).to.deep.equal(Array(PROCESSES).fill(0))
      const workers = ends.filter(({ stdout }) => stdout !== NOTHING)
      expect(workers.map(({ stdout }) => stdout)).to.deep.equal([
        `001_virtual_keys applied, ${ids.length} records changed\n002_virtual_key_alert applied, ${ids.length} records changed\n`,
      ])
      const waited = ends.filter(({ stderr }) =>
        stderr.includes('another vk migrate is at work; waiting for it'),
      )
      expect(waited).not.to.deep.equal([])
      expect(waited).not.to.include(workers[0])
      // As often as one process alone writes.
      // Each batch tries ZADD once, on a name that is never there, after a ZCARD.
      const tried = await statistics.calls('zcard')
      expect((await statistics.calls('zadd')) - tried).to.equal(ids.length)
      expect(await statistics.calls('hexists')).to.equal(2 * ids.length)
      expect(await lacking(ids)).to.equal(0)
      expect((await place.names()).filter((name) => name.includes(':schema:'))).to.deep.equal([])
    })

    it('killed in the middle, it goes on where it was', async () => {
      const ids = idsIn(2, MANY)
      await seed(ids)
      const child = await stoppedInTheMiddle()
      child.kill('SIGKILL')
      await until('its end', async () => (await statistics.connections('virtual-key')) === 0)
      const looked = Number(await place.plain.hget(migrationProgressName(2), 'looked'))
      expect(looked).to.be.within(500, MANY - 500)
      expect(await lacking(ids)).to.equal(MANY - looked)

      // Its lock would expire within ten seconds: here it does at once.
      for (let partition = 0; partition < PARTITIONS; partition++) {
        expect(await place.plain.pttl(migrationLockName(partition))).to.be.within(1, 10_000)
        await place.plain.pexpire(migrationLockName(partition), 1)
      }
      await statistics.forget()
      const { code, stdout, stderr } = await run()
      expect([code, stdout]).to.deep.equal([
        0,
        `002_virtual_key_alert applied, ${MANY - looked} records changed\n`,
      ])
      expect(stderr).to.include(`partition 3 of 16: goes on after ${looked} records of an earlier run`)
      // Two looks for its fields at each record, and none at those that the first run had done.
      expect(await statistics.calls('hexists')).to.equal(2 * (MANY - looked))
      expect(await lacking(ids)).to.equal(0)
    })

    it('stopped for so long that another took over, it writes nothing any more', async () => {
      const ids = idsIn(2, MANY)
      await seed(ids)
      const child = await stoppedInTheMiddle()
      const end = ended(child)
      for (let partition = 0; partition < PARTITIONS; partition++)
        await place.plain.pexpire(migrationLockName(partition), 1)
      const { link, redis } = await place.connect()
      await link.opened
      const { applied } = await migrate(redis, { clock: Date.now, progress: () => undefined })
      redis.disconnect()
      expect(applied).to.deep.equal(['002_virtual_key_alert'])
      // So that there is something to write.
      await place.plain.hdel(keyName(ids[0] ?? ''), 'alert_threshold')
      await statistics.forget()
      child.kill('SIGCONT')
      const { code, stdout, stderr } = await end
      expect([code, stdout]).to.deep.equal([1, ''])
      // A command to Redis that was under way may have timed out before the lock is looked at.
      expect(stderr).to.match(/^vk: .*(this vk migrate has lost its lock and stopped|timed out)/m)
      expect(await statistics.calls('hset')).to.equal(0)
      expect((await place.names()).filter((name) => name.includes(':schema:'))).to.deep.equal([])
    })

    for (const args of [[], ['--status'], ['--dry-run']])
      it(`refuses a newer schema: vk migrate ${args.join(' ')}`, async () => {
        await place.plain.hset(schemaName(9), 'version', '3')
        const before = await contents(place)
        const { code, stdout, stderr } = await run(...args)
        expect([code, stdout]).to.deep.equal([1, ''])
        expect(stderr).to.equal(
          'vk: Redis holds schema 3, newer than 2, the newest that this version knows: upgrade virtual-key\n',
        )
        expect(await contents(place)).to.deep.equal(before)
      })
  })

describe('vk migrate', () => {
  it('takes one of --status and --dry-run', async () => {
    const { code, stderr } = await vk(['migrate', '--status', '--dry-run'])
    expect(code).to.equal(2)
    expect(stderr).to.include('cannot be used with')
  })
})
