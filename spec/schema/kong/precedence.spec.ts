import { expect } from 'chai'
import { mostSpecific, type Scope, scopeKey } from '../../../schema/kong/precedence.ts'

const request: Scope = { route: 'r', service: 's', consumer: 'c' }
/** Kong's order, the winner first. */
const ORDER: Scope[] = [
  { route: 'r', service: 's', consumer: 'c' },
  { route: 'r', consumer: 'c' },
  { service: 's', consumer: 'c' },
  { route: 'r', service: 's' },
  { consumer: 'c' },
  { route: 'r' },
  { service: 's' },
  {},
]

describe('Kong: precedence of plugin configurations', () => {
  for (const [index, winner] of ORDER.entries()) {
    it(`${JSON.stringify(winner)} wins over all that follow`, () => {
      const configurations = new Map(ORDER.slice(index).map((scope) => [scopeKey(scope), scope]))
      expect(mostSpecific(configurations, request)).to.equal(winner)
    })
  }

  it('takes none of another route, service or consumer', () => {
    const others: Scope[] = [
      { route: 'x' },
      { service: 'x' },
      { consumer: 'x' },
      { route: 'r', consumer: 'x' },
    ]
    expect(mostSpecific(new Map(others.map((scope) => [scopeKey(scope), scope])), request)).to.equal(
      undefined,
    )
  })

  it('needs a consumer for a configuration of a consumer', () => {
    const configurations = new Map([[scopeKey({ consumer: 'c' }), 'consumer']])
    expect(mostSpecific(configurations, { route: 'r', service: 's' })).to.equal(undefined)
  })
})
