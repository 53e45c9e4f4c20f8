import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type Received, startInbox } from '../../dev/inbox.ts'
import { signedHeaders, signingKey } from '../../plugins/virtual-key/outbox/sign.ts'

const SECRET = 'whsec_c2FtcGxlIHNlY3JldCwgbm90IGZvciBwcm9kdWN0aW9u'

describe('The webhook inbox', () => {
  it('shows alerts, and not that vk doctor asks by HEAD whether it is there', async () => {
    const shown: Received[] = []
    const server = await startInbox(0, SECRET, (received) => shown.push(received))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`
      const { status } = await fetch(url, { method: 'HEAD' })
      expect([status, shown]).to.deep.equal([204, []])
      const headers = signedHeaders([signingKey(SECRET)], 'vk_1', Date.now(), '{}')
      await fetch(url, { method: 'POST', headers, body: '{}' })
      expect(shown).to.deep.equal([{ id: 'vk_1', body: '{}', verified: true }])
    } finally {
      server.close()
    }
  })
})
