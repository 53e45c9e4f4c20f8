import { expect } from 'chai'
import {
  METHOD_OVERRIDE,
  NO_WEBSOCKET,
  TOO_MANY_HEADERS,
  UNDERSCORED,
} from '../../../../plugins/virtual-key/request/denial.ts'
import { requestFacts } from '../../../../plugins/virtual-key/request/guard.ts'

describe('examine', () => {
  it('sees a WebSocket upgrade in any spelling and place', () => {
    expect(requestFacts({ upgrade: ['websocket'] }).denial).to.equal(NO_WEBSOCKET)
    expect(requestFacts({ upgrade: ['h2c', 'WebSocket'] }).denial).to.equal(NO_WEBSOCKET)
    expect(requestFacts({ upgrade: ['h2c'] })).not.to.have.property('denial')
    expect(requestFacts({})).not.to.have.property('denial')
  })

  it('refuses what an upstream may take for another method', () => {
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override'])
      expect(requestFacts({ [name]: ['GET'] }).denial).to.equal(METHOD_OVERRIDE)
  })

  it('refuses names with underscores that an upstream may take for those that are looked at', () => {
    for (const name of ['x_goog_fieldmask', 'accept_encoding', 'x-http_method-override'])
      expect(requestFacts({ [name]: ['x'] }).denial).to.equal(UNDERSCORED)
    expect(requestFacts({ x_request_id: ['x'] })).not.to.have.property('denial')
  })

  it('names the headers that choose what of an answer is shown', () => {
    expect(
      requestFacts({ range: ['bytes=0-9'], accept: ['*/*'], 'x-goog-fieldmask': ['a'] }).hidden,
    ).to.have.members(['range', 'x-goog-fieldmask'])
    expect(requestFacts({ accept: ['*/*'] }).hidden).to.deep.equal([])
  })

  it('leaves an Accept-Encoding alone that brings nothing unreadable', () => {
    for (const value of ['gzip, deflate, br', 'gzip;q=1.0, identity;q=0', '', 'GZIP']) {
      expect(requestFacts({ 'accept-encoding': [value] })).not.to.have.property('acceptEncoding')
    }
    expect(requestFacts({})).not.to.have.property('acceptEncoding')
  })

  it('takes codings out that cannot be read', () => {
    expect(requestFacts({ 'accept-encoding': ['dcb, gzip', 'br;q=0.1'] }).acceptEncoding).to.equal(
      'gzip, br;q=0.1',
    )
    expect(requestFacts({ 'accept-encoding': ['*'] }).acceptEncoding).to.equal('identity')
    expect(requestFacts({ 'accept-encoding': ['__proto__, toString'] }).acceptEncoding).to.equal('identity')
  })

  it('says when Kong may not have shown every header', () => {
    const shown = (count: number) => ({ a: new Array<string>(count - 1).fill('x'), b: ['y'] })
    expect(requestFacts(shown(999))).not.to.have.property('denial')
    expect(requestFacts(shown(1000)).denial).to.equal(TOO_MANY_HEADERS)
  })

  it('tells whether the request carries a body', () => {
    expect(requestFacts({ 'content-length': ['2'] }).hasBody).to.equal(true)
    expect(requestFacts({ 'transfer-encoding': ['chunked'] }).hasBody).to.equal(true)
    expect(requestFacts({ 'content-length': ['0'] }).hasBody).to.equal(false)
    expect(requestFacts({}).hasBody).to.equal(false)
  })
})
