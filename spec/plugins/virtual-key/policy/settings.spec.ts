import { expect } from 'chai'
import { ConfigError, settingsFrom } from '../../../../plugins/virtual-key/policy/settings.ts'
import type { RedisConfig } from '../../../../schema/config.ts'
import { PLAIN_CONFIG as PLAIN } from '../../../support/plain-config.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

describe('settingsFrom', () => {
  it('threshold 0 and none mean no alert', () => {
    expect(settingsFrom(PLAIN).rules.thresholds).to.deep.equal([])
  })

  it('puts absolute thresholds and percents of the budget together, ascending and each once', () => {
    const config = {
      ...PLAIN,
      alert_threshold: 100,
      alert_thresholds: [900, 50],
      alert_percents: [90, 100, 5],
      token_budget: 1001,
    }
    expect(settingsFrom(config).rules.thresholds).to.deep.equal([50, 51, 100, 900, 901, 1001])
  })

  it('a percentage is never rounded above the budget', () => {
    for (const token_budget of [7, 110, 111, 999_999_999]) {
      expect(settingsFrom({ ...PLAIN, token_budget, alert_percents: [100] }).rules.thresholds).to.deep.equal([
        token_budget,
      ])
    }
    expect(
      settingsFrom({ ...PLAIN, token_budget: 110, alert_percents: [90] }).rules.thresholds,
    ).to.deep.equal([99])
  })

  it('with the registry they stay apart, because a record may replace each of them', () => {
    const own = { alert_threshold: 5, alert_thresholds: [9, 7], alert_percents: [80] }
    expect(settingsFrom({ ...PLAIN, ...own, registry: true }).rules).to.deep.equal({
      threshold: 5,
      thresholds: [9, 7],
      percents: [80],
    })
  })

  it('refuses percents without a budget', () => {
    expect(() => settingsFrom({ ...PLAIN, alert_percents: [80] })).to.throw(
      ConfigError,
      'config.alert_percents: [80]',
    )
  })

  describe('refuses a Redis that is in two places, or in none', () => {
    const node = { host: '127.0.0.1', port: 26379 }
    const cases: Record<string, Partial<RedisConfig>> = {
      sentinel_nodes: { sentinel_master: 'llm' },
      sentinel_master: { sentinel_nodes: [node] },
      cluster_nodes: {
        sentinel_master: 'llm',
        sentinel_nodes: [node],
        cluster_nodes: [{ ip: '127.0.0.1', port: 6379 }],
      },
    }
    for (const [field, redis] of Object.entries(cases))
      it(field, () => {
        const config = { ...PLAIN, redis: { ...PLAIN.redis, ...redis } }
        expect(() => settingsFrom(config)).to.throw(ConfigError, `config.redis.${field}`)
      })
  })

  it('header names are compared in lower case, as Kong hands them over', () => {
    const { identification } = settingsFrom({ ...PLAIN, identify_by: 'header', header_name: 'X-Virtual-Key' })
    expect(identification).to.deep.equal({ by: 'header', name: 'x-virtual-key' })
  })

  const bad: Record<string, string> = {
    'no prefix': 'c2VjcmV0',
    'no base64': 'whsec_???',
    'too short': `whsec_${Buffer.alloc(23).toString('base64')}`,
    'too long': `whsec_${Buffer.alloc(65).toString('base64')}`,
  }
  for (const [what, secret] of Object.entries(bad)) {
    it(`refuses a signing secret with ${what}, without telling it`, () => {
      const config = { ...PLAIN, webhook: { ...PLAIN.webhook, secrets: [SECRET, secret] } }
      expect(() => settingsFrom(config))
        .to.throw(ConfigError, /^virtual-key: config\.webhook\.secrets\[1\]: a secret of \d+ characters/)
        .and.satisfy((error: Error) => !error.message.includes(secret))
    })
  }

  it('refuses a webhook that is no URL, without telling credentials in it', () => {
    const config = { ...PLAIN, alert_webhook: 'http://user:hidden@' }
    expect(() => settingsFrom(config))
      .to.throw(ConfigError, 'config.alert_webhook')
      .and.satisfy((error: Error) => !error.message.includes('hidden'))
  })

  it('keeps the signing keys and how to send', () => {
    const { webhook } = settingsFrom({
      ...PLAIN,
      alert_webhook: 'https://hooks.example.com/x',
      webhook: { secrets: [SECRET], timeout: 500, allow_private_networks: true, format: 'json' },
    })
    expect(webhook).to.deep.include({
      url: 'https://hooks.example.com/x',
      timeout: 500,
      allowPrivateNetworks: true,
    })
    expect(webhook?.keys).to.have.length(1)
  })
})
