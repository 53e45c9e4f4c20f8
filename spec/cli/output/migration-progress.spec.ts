import { expect } from 'chai'
import { throttled } from '../../../cli/output/migration-progress.ts'

describe('News of vk migrate', () => {
  let now: number
  let lines: string[]
  let tell: ReturnType<typeof throttled>

  beforeEach(() => {
    now = 50
    lines = []
    tell = throttled(
      (line) => lines.push(line),
      () => now,
    )
  })

  const working = (at: number, looked: number) => {
    now = at
    tell({ state: 'working', step: '002_virtual_key_alert', partition: 2, looked })
  }

  it('are a line a second of long work, and none of short work', () => {
    working(51, 1)
    working(1049, 2)
    expect(lines).to.deep.equal([])
    working(1050, 500)
    working(1051, 600)
    working(2049, 700)
    working(2050, 800)
    expect(lines).to.deep.equal([
      '002_virtual_key_alert, partition 3 of 16: 500 records looked at',
      '002_virtual_key_alert, partition 3 of 16: 800 records looked at',
    ])
  })

  it('tell at once what happens once', () => {
    tell({ state: 'waiting' })
    tell({ state: 'resumed', step: '001_virtual_keys', partition: 15, looked: 1 })
    expect(lines).to.deep.equal([
      'another vk migrate is at work; waiting for it',
      '001_virtual_keys, partition 16 of 16: goes on after 1 record of an earlier run',
    ])
  })
})
