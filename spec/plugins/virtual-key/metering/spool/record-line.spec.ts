import { expect } from 'chai'
import { lineOf, linesOf } from '../../../../../plugins/virtual-key/metering/spool/record-line.ts'
import { usageRecord } from '../../../../support/usage-record.ts'

describe('Lines of the spool', () => {
  const record = (sequence: number) => ({
    id: { processId: 'aa11', sequence },
    ...usageRecord('vk-"\n\u2028é', 5, { reservation: 'x 7', estimated: true }),
    service: 'openai',
  })
  const lines = [0, 1, 2].map((i) => lineOf(record(i)))

  it('say all of a record', () => {
    expect(linesOf(lines.join(''))).to.deep.equal({
      records: [0, 1, 2].map(record),
      unreadable: 0,
      foreign: 0,
    })
    const { service: _, ...unlabelled } = record(3)
    expect(linesOf(lineOf(unlabelled)).records).to.deep.equal([unlabelled])
  })

  it('are read wherever the last one is torn', () => {
    const text = lines.join('')
    const [whole = '', , last = ''] = lines
    for (let cut = text.length - last.length + 1; cut < text.length - 1; cut++)
      expect(linesOf(text.slice(0, cut)), `cut at ${cut}`).to.deep.equal({
        records: [0, 1].map(record),
        unreadable: 1,
        foreign: 0,
      })
    // Only the line break is missing.
    expect(linesOf(whole.slice(0, -1)).records).to.deep.equal([record(0)])
  })

  it('are read around one that is corrupt, whichever byte it is', () => {
    const [first = '', second = '', third = ''] = lines
    for (let at = 0; at < second.length - 1; at++) {
      const corrupt = `${second.slice(0, at)}\u0001${second.slice(at + 1)}`
      expect(linesOf(first + corrupt + third), `at ${at}`).to.deep.equal({
        records: [record(0), record(2)],
        unreadable: 1,
        foreign: 0,
      })
    }
  })

  it('that are no records are left out, whatever they are', () => {
    const strange = [{}, { id: {} }, { id: { processId: 'a', sequence: 1 }, keyId: 'a', tokens: 'b' }]
    for (const one of strange) expect(linesOf(lineOf(one as never))).to.include({ unreadable: 1 })
    for (const text of ['null', '[]', '{', 'x'.repeat(100_000)])
      expect(linesOf(`${text}\n`)).to.deep.equal({ records: [], unreadable: 1, foreign: 0 })
  })

  it('of another version are told apart', () => {
    expect(linesOf(lineOf({ ...record(0), format: 1 } as never))).to.deep.equal({
      records: [],
      unreadable: 0,
      foreign: 1,
    })
  })
})
