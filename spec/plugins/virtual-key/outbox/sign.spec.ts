import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { signedHeaders, signingKey } from '../../../../plugins/virtual-key/outbox/sign.ts'

const secret = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`

describe('signedHeaders', () => {
  it("gives the signature of the specification's published test vector", () => {
    const headers = signedHeaders(
      [signingKey('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')],
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330_999,
      '{"test": 2432232314}',
    )
    expect(headers).to.deep.equal({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it('is verified by the official library, with each of several secrets (rotation), and with no other', () => {
    const body = JSON.stringify({ event: 'x', key_id: 'ключ"\n' })
    const secrets = [secret(24), secret(32), secret(64)]
    const headers = signedHeaders(secrets.map(signingKey), 'vk_1', Date.now(), body)
    for (const one of secrets) expect(new Webhook(one).verify(body, headers)).to.deep.equal(JSON.parse(body))
    expect(() => new Webhook(secret(24)).verify(body, headers)).to.throw()
    expect(() => new Webhook(secrets[0] ?? '').verify(`${body} `, headers)).to.throw()
  })

  it('signs nothing without a secret', () => {
    expect(signedHeaders([], 'vk_1', 1000, '{}')).to.deep.equal({
      'webhook-id': 'vk_1',
      'webhook-timestamp': '1',
    })
  })
})

describe('signingKey', () => {
  const wrong: Record<string, string> = {
    'no prefix': randomBytes(24).toString('base64'),
    'too short': secret(23),
    'too long': secret(65),
    'no base64': `whsec_${'ä!'.repeat(20)}`,
    empty: '',
  }
  for (const [what, value] of Object.entries(wrong)) {
    it(`refuses a secret with ${what} without telling it`, () => {
      expect(() => signingKey(value)).to.throw(/^a secret of \d+ characters/)
      try {
        signingKey(value)
      } catch (error) {
        if (value !== '') expect((error as Error).message).not.to.include(value.slice(6))
      }
    })
  }
})
