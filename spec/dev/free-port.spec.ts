import { createServer } from 'node:net'
import { expect } from 'chai'
import { freePort } from '../../dev/free-port.ts'

describe('A free port', () => {
  it('is found once, and not where another program listens', async () => {
    const first = await freePort()
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(first + 1, '127.0.0.1', resolve))
    try {
      const found = [await freePort(), await freePort()]
      expect(found)
        .not.to.include(first)
        .and.not.to.include(first + 1)
      expect(new Set(found)).to.have.property('size', 2)
    } finally {
      await new Promise((resolve) => other.close(resolve))
    }
  })
})
