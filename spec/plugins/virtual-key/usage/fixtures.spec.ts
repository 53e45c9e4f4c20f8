import { readUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { fixtures } from '../../../fixtures/usage/fixtures.ts'
import { amongEvents } from './among-events.ts'
import { expectUsage } from './expected.ts'

describe('usage: every API', () => {
  for (const { name, body, hints, expected } of fixtures) {
    it(name, () => {
      expectUsage(readUsage(body, hints), expected, 'whole')
      for (const { how, whole, cut } of amongEvents(body)) {
        expectUsage(readUsage(whole, hints), expected, `20 events without usage ${how}`)
        expectUsage(readUsage(cut, hints), expected, `events without usage ${how}, their middle missing`)
      }
    })
  }
})
