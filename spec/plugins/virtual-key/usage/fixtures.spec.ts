import { readUsage } from '../../../../plugins/virtual-key/usage/index.ts'
import { fixtures } from '../../../fixtures/usage/fixtures.ts'
import { bytewise, expectUsage, readPieces, splitAt } from './reading.ts'

describe('usage: every API', () => {
  for (const { name, body, hints, expected } of fixtures) {
    it(name, () => {
      expectUsage(readUsage(body, hints), expected, 'whole')
      expectUsage(readPieces(bytewise(body), hints), expected, 'byte by byte')
      for (let at = 0; at <= body.length; at++) {
        expectUsage(readPieces(splitAt(body, [at]), hints), expected, `split at ${at}`)
      }
    })
  }
})
