import { expect } from 'chai'
import { denialOf, tokenHeaders } from '../../../../plugins/virtual-key/admission/key-denial.ts'
import type { QuotaStatus } from '../../../../plugins/virtual-key/policy/key-policy.ts'
import { windowAt } from '../../../../plugins/virtual-key/policy/window.ts'

const AT = Date.parse('2028-02-29T23:59:00Z')

const quota = (own: Partial<QuotaStatus> = {}): QuotaStatus => ({
  budget: 100,
  total: 100,
  reserved: 0,
  window: windowAt('day', AT),
  ...own,
})

describe('rejectionOf', () => {
  it('names a status and an error for each reason, and tells only a refused budget more', () => {
    const all = (['unknown', 'disabled', 'expired', 'scope', 'used'] as const).map((refused) =>
      denialOf(refused, quota(), 0, AT, true),
    )
    expect(all).to.deep.equal([
      { status: 401, error: 'invalid key' },
      { status: 403, error: 'key disabled' },
      { status: 401, error: 'key expired' },
      { status: 403, error: 'insufficient scope' },
      { status: 401, error: 'key already used' },
    ])
  })

  it('a spent budget: come back when the window ends', () => {
    expect(denialOf('budget', quota(), 0, AT, true)).to.deep.equal({
      status: 429,
      error: 'token budget exceeded',
      headers: {
        'Retry-After': '60',
        'X-Token-Limit': '100',
        'X-Token-Remaining': '0',
        'X-Token-Reset': '60',
      },
    })
  })

  it('a window that never ends: no time', () => {
    const forever = quota({ window: windowAt('total', AT) })
    expect(denialOf('budget', forever, 0, AT, false)).to.have.deep.property('headers', {})
  })

  it('only others under way are in the way: come back soon; if this request never fits: when the window ends', () => {
    const held = quota({ total: 40, reserved: 60 })
    expect(denialOf('budget', held, 60, AT, false).headers).to.deep.equal({ 'Retry-After': '1' })
    expect(denialOf('budget', held, 61, AT, false).headers).to.deep.equal({ 'Retry-After': '60' })
  })
})

describe('tokenHeaders', () => {
  it('what is held is not left, and nothing is never less than 0', () => {
    const left = (own: Partial<QuotaStatus>) => tokenHeaders(quota(own), AT)['X-Token-Remaining']
    expect([left({ total: 10, reserved: 30 }), left({ total: 250 })]).to.deep.equal(['60', '0'])
  })

  it('the last instant of a window still leaves a second, so that nobody comes back too early', () => {
    const { end = 0 } = windowAt('month', AT)
    const reset = (at: number) => tokenHeaders(quota({ window: windowAt('month', AT) }), at)['X-Token-Reset']
    expect([reset(end - 1001), reset(end - 1), reset(end)]).to.deep.equal(['2', '1', '1'])
  })

  it('a key without a budget has none', () =>
    expect(tokenHeaders(quota({ budget: 0 }), AT)).to.deep.equal({}))
})
