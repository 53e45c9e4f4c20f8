import { expect } from 'chai'
import { PrivateRedis } from '../../../dev/redis.ts'
import { define } from '../../../plugins/virtual-key/ledger/script.ts'
import { AllOrNothing } from '../../support/all-or-nothing.ts'
import { LEDGER_SITUATIONS } from '../../support/ledger-situations.ts'
import { OUTBOX_SITUATIONS } from '../../support/outbox-situations.ts'
import { PROCESS_SITUATIONS } from '../../support/process-situations.ts'
import { MIGRATION_SCRIPTS, REGISTRY_SITUATIONS } from '../../support/registry-situations.ts'

const TYPES = ['list', 'text'] as const

/** Each script, in each situation in which it writes, with each command and each key in turn taken from it. */
describe('Scripts do everything or nothing', function () {
  this.timeout(120_000)

  let server: PrivateRedis
  let trial: AllOrNothing

  before(async () => {
    server = await PrivateRedis.start()
    trial = await AllOrNothing.open(server)
    define(trial.connection, MIGRATION_SCRIPTS)
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
})
