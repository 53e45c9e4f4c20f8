import { expect } from 'chai'
import { type FormatTable, TABLE, tableOf } from '../../../../plugins/virtual-key/usage/formats.ts'
import { inspectUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { fixtures } from '../../../fixtures/usage/fixtures.ts'

describe('usage: the table of formats', () => {
  const { formats, markers, names } = TABLE

  it('each count of each format has a marker in its name', () => {
    expect(names).to.not.have.length(0)
    for (const name of names)
      expect(
        markers.some((marker) => name.includes(String(marker))),
        name,
      ).to.equal(true)
  })

  it('a count whose name is like no other is a marker itself', () => {
    const usage = { paths: [], counts: ['results[].inventedWords', 'inventedWords'], read: () => undefined }
    const table = tableOf([...formats, { name: 'invented', usage }])
    expect(table.markers.map(String)).to.deep.equal([...markers.map(String), 'inventedWords'])
  })

  for (const format of formats) {
    it(`${format.name} has a fixture that nothing else reads like it`, () => {
      const others = tableOf(formats.filter((other) => other !== format))
      expect(
        fixtures.some(({ body, hints }) => read(body, TABLE, hints) !== read(body, others, hints)),
      ).to.equal(true)
    })
  }
})

function read(body: Uint8Array, table: FormatTable, hints = {}): string {
  return JSON.stringify(inspectUsage(body, hints, table))
}
