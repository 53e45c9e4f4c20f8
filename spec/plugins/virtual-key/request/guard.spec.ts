import { expect } from 'chai'
import {
  METHOD_OVERRIDE,
  NO_WEBSOCKET,
  TOO_MANY_HEADERS,
  UNDERSCORED,
} from '../../../../plugins/virtual-key/admission/denial.ts'
import { examine } from '../../../../plugins/virtual-key/request/guard.ts'

describe('examine', () => {
  it('sees a WebSocket upgrade in any spelling and place', () => {
    expect(examine({ upgrade: ['websocket'] }).refusal).to.equal(NO_WEBSOCKET)
    expect(examine({ upgrade: ['h2c', 'WebSocket'] }).refusal).to.equal(NO_WEBSOCKET)
    expect(examine({ upgrade: ['h2c'] })).not.to.have.property('refusal')
    expect(examine({})).not.to.have.property('refusal')
  })

  it('refuses what an upstream may take for another method', () => {
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override'])
      expect(examine({ [name]: ['GET'] }).refusal).to.equal(METHOD_OVERRIDE)
  })

  it('refuses names with underscores that an upstream may take for those that are looked at', () => {
    for (const name of ['x_goog_fieldmask', 'accept_encoding', 'x-http_method-override'])
      expect(examine({ [name]: ['x'] }).refusal).to.equal(UNDERSCORED)
    expect(examine({ x_request_id: ['x'] })).not.to.have.property('refusal')
  })

  it('names the headers that choose what of an answer is shown', () => {
    expect(
      examine({ range: ['bytes=0-9'], accept: ['*/*'], 'x-goog-fieldmask': ['a'] }).hidden,
    ).to.have.members(['range', 'x-goog-fieldmask'])
    expect(examine({ accept: ['*/*'] }).hidden).to.deep.equal([])
  })

  it('leaves an Accept-Encoding alone that brings nothing unreadable', () => {
    for (const value of ['gzip, deflate, br', 'gzip;q=1.0, identity;q=0', '', 'GZIP']) {
      expect(examine({ 'accept-encoding': [value] })).not.to.have.property('acceptEncoding')
    }
    expect(examine({})).not.to.have.property('acceptEncoding')
  })

  it('takes codings out that cannot be read', () => {
    expect(examine({ 'accept-encoding': ['dcb, gzip', 'br;q=0.1'] }).acceptEncoding).to.equal(
      'gzip, br;q=0.1',
    )
    expect(examine({ 'accept-encoding': ['*'] }).acceptEncoding).to.equal('identity')
    expect(examine({ 'accept-encoding': ['__proto__, toString'] }).acceptEncoding).to.equal('identity')
  })

  it('says when Kong may not have shown every header', () => {
    const shown = (count: number) => ({ a: new Array<string>(count - 1).fill('x'), b: ['y'] })
    expect(examine(shown(999))).not.to.have.property('refusal')
    expect(examine(shown(1000)).refusal).to.equal(TOO_MANY_HEADERS)
  })

  it('tells whether the request carries a body', () => {
    expect(examine({ 'content-length': ['2'] }).hasBody).to.equal(true)
    expect(examine({ 'transfer-encoding': ['chunked'] }).hasBody).to.equal(true)
    expect(examine({ 'content-length': ['0'] }).hasBody).to.equal(false)
    expect(examine({}).hasBody).to.equal(false)
  })
})
