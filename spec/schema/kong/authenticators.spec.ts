import { expect } from 'chai'
import { AUTHENTICATORS, authenticator } from '../../../schema/kong/authenticators.ts'

describe('the authenticators of Kong', () => {
  it('are in the order in which Kong runs them, each once', () => {
    const priorities = AUTHENTICATORS.map(({ priority }) => priority)
    expect(priorities).to.deep.equal(priorities.toSorted((a, b) => b - a))
    expect(new Set(AUTHENTICATORS.map(({ name }) => name)).size).to.equal(AUTHENTICATORS.length)
  })

  it('have names that exist', () => {
    expect(authenticator('openid-connect')).to.include({ priority: 1050, enterprise: true })
    expect(() => authenticator('opnid-connect')).to.throw("opnid-connect is none of Kong's authenticators")
  })
})
