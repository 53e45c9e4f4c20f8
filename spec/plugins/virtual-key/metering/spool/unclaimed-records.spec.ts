import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type SinonFakeTimers, useFakeTimers } from 'sinon'
import { SpoolFolder } from '../../../../../plugins/virtual-key/metering/spool/spool-folder.ts'
import { UnclaimedRecords } from '../../../../../plugins/virtual-key/metering/spool/unclaimed-records.ts'
import { lineLog } from '../../../../../plugins/virtual-key/telemetry/log.ts'

const MINUTE = 60_000

describe('Usage records for a Redis that no configuration names any more', () => {
  let path: string
  let clock: SinonFakeTimers
  let lines: string[]
  let folder: SpoolFolder
  let unclaimed: UnclaimedRecords

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'virtual-key-unclaimed-')), 'virtual-key')
    clock = useFakeTimers()
    lines = []
    folder = new SpoolFolder(path)
    unclaimed = new UnclaimedRecords(
      folder,
      lineLog((line) => lines.push(line)),
    )
  })

  afterEach(() => {
    unclaimed.stop()
    clock.restore()
    rmSync(join(path, '..'), { recursive: true, force: true })
  })

  /** A file of a process that ended: ids of processes do not go so far. */
  const leave = (redis: string) => {
    mkdirSync(path, { recursive: true })
    const name = `${redis}.99999999-1.ab.0.usage`
    writeFileSync(join(path, name), '')
    return name
  }

  it('are told of at an error level, again and again', () => {
    const name = leave('aa')
    clock.tick(MINUTE)
    expect(lines).to.have.length(1)
    expect(lines[0]).to.match(/critical: usage records wait in .* for a Redis to which no request has led/)
    expect(lines[0]).to.include(name)
    clock.tick(60 * MINUTE)
    expect(lines.length).to.be.within(5, 8)
  })

  it('are not those that are for a Redis in use, nor those of a living runtime', () => {
    leave('aa')
    folder.enter('a1', 'aa')
    folder.enter('b2', 'bb')
    folder.create('bb', 'b2').close()
    clock.tick(60 * MINUTE)
    expect(lines).to.deep.equal([])
    folder.leave('b2')
    clock.tick(10 * MINUTE)
    expect(lines).to.have.length(1)
  })

  it('no folder, no line', () => {
    clock.tick(60 * MINUTE)
    expect(lines).to.deep.equal([])
  })
})
