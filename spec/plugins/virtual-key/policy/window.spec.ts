import { expect } from 'chai'
import fc from 'fast-check'
import { type WindowKind, windowAt } from '../../../../plugins/virtual-key/policy/window.ts'

describe('windowAt', () => {
  const cases: Array<[kind: WindowKind, at: string, label: string, end: string | undefined]> = [
    ['total', '2026-11-23T18:30:00Z', 'total', undefined],
    ['hour', '2026-11-23T18:59:59.999Z', '2026-11-23T18', '2026-11-23T19:00:00Z'],
    ['hour', '2026-11-23T19:00:00Z', '2026-11-23T19', '2026-11-23T20:00:00Z'],
    ['day', '2026-12-31T23:59:59.999Z', '2026-12-31', '2027-01-01T00:00:00Z'],
    ['day', '2028-02-29T12:00:00Z', '2028-02-29', '2028-03-01T00:00:00Z'],
    ['month', '2028-02-29T23:59:59Z', '2028-02', '2028-03-01T00:00:00Z'],
    ['month', '2026-12-01T00:00:00Z', '2026-12', '2027-01-01T00:00:00Z'],
    ['week', '2026-11-22T23:59:59Z', '2026-W47', '2026-11-23T00:00:00Z'],
    ['week', '2026-11-23T00:00:00Z', '2026-W48', '2026-11-30T00:00:00Z'],
    // ISO 8601: a week belongs to the year of its Thursday.
    ['week', '2027-01-01T00:00:00Z', '2026-W53', '2027-01-04T00:00:00Z'],
    ['week', '2024-12-30T00:00:00Z', '2025-W01', '2025-01-06T00:00:00Z'],
  ]
  for (const [kind, at, label, end] of cases) {
    it(`${kind} of ${at} is ${label}`, () => {
      const window = windowAt(kind, Date.parse(at))
      expect(window.label).to.equal(label)
      expect(window.end).to.equal(end === undefined ? undefined : Date.parse(end))
    })
  }

  it('holds the instant, ends after it, and the next one starts where it ends', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<WindowKind>('hour', 'day', 'week', 'month'),
        fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) }),
        (kind, at) => {
          const window = windowAt(kind, at)
          const end = window.end ?? 0
          return (
            end > at &&
            windowAt(kind, end - 1).label === window.label &&
            windowAt(kind, end).label !== window.label &&
            windowAt(kind, end).label > window.label &&
            !window.label.includes(':')
          )
        },
      ),
    )
  })
})
