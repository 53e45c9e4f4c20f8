import { expect } from 'chai'
import { consumerKey } from '../../../../plugins/virtual-key/request/identity.ts'

describe('consumerKey', () => {
  const id = 'e704f395-2e1c-5e4a-8d68-54d5a26ed8aa'

  it('is the username, else the custom id, else the id', () => {
    expect(consumerKey({ id, username: 'vk-abc', custom_id: 'team-a' })).to.equal('vk-abc')
    expect(consumerKey({ id, username: null, custom_id: 'team-a' })).to.equal('team-a')
    expect(consumerKey({ id })).to.equal(id)
  })

  it('is none without a consumer', () => {
    expect(consumerKey(undefined)).to.equal(undefined)
  })

  it('passes over a name that would fill Redis', () => {
    expect(consumerKey({ id, username: 'x'.repeat(257) })).to.equal(id)
    expect(consumerKey({ id, username: 'x'.repeat(256) })).to.equal('x'.repeat(256))
  })
})
