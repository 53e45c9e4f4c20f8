import { expect } from 'chai'
import { examine } from '../../../plugins/virtual-key/escape.ts'

describe('examine', () => {
  it('sees a WebSocket upgrade in any spelling and place', () => {
    expect(examine({ upgrade: ['websocket'] }).websocket).to.equal(true)
    expect(examine({ upgrade: ['h2c', 'WebSocket'] }).websocket).to.equal(true)
    expect(examine({ upgrade: ['h2c'] }).websocket).to.equal(false)
    expect(examine({}).websocket).to.equal(false)
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
    expect(examine(shown(999)).tooMany).to.equal(false)
    expect(examine(shown(1000)).tooMany).to.equal(true)
  })

  it('tells whether the request carries a body', () => {
    expect(examine({ 'content-length': ['2'] }).hasBody).to.equal(true)
    expect(examine({ 'transfer-encoding': ['chunked'] }).hasBody).to.equal(true)
    expect(examine({ 'content-length': ['0'] }).hasBody).to.equal(false)
    expect(examine({}).hasBody).to.equal(false)
  })
})
