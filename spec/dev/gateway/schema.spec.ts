import { expect } from 'chai'
import { luaPattern, violations, withDefaults } from '../../../dev/gateway/validation.ts'
import type { Shape, Shapes } from '../../../schema/fields.ts'

const FIELDS: Shapes = {
  mode: { type: 'string', default: 'response', one_of: ['response', 'tapped'] },
  alert_webhook: { type: 'string', match: '^https?://' },
  alert_threshold: { type: 'integer', default: 0, between: [0, 9007199254740991] },
  percents: { type: 'array', elements: { type: 'integer', between: [1, 100] }, default: [], len_min: 0 },
  size: { type: 'number', gt: 0 },
  target: { type: 'string', match: '^https?://', err: 'must be http or https' },
  redis: {
    type: 'record',
    required: true,
    fields: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'integer', default: 6379 } },
  },
  webhook: { type: 'record', fields: { timeout: { type: 'integer', default: 5000 } } },
  must: { type: 'string', required: true, default: 'x' },
  name: { type: 'string', len_min: 3, len_max: 5 },
}

describe('development gateway: plugin schema', () => {
  it('fills defaults in as Kong does', () => {
    expect(withDefaults(FIELDS, {})).to.deep.equal({
      mode: 'response',
      alert_threshold: 0,
      percents: [],
      redis: { host: '127.0.0.1', port: 6379 },
      must: 'x',
    })
  })

  it('fills the rest of a record that is given in part, and drops nulls', () => {
    const filled = withDefaults(FIELDS, { webhook: {}, redis: { port: 1 }, mode: null })
    expect(filled).to.deep.include({ webhook: { timeout: 5000 }, redis: { host: '127.0.0.1', port: 1 } })
    expect(filled).not.to.have.property('mode')
  })

  it('changes nothing of what it was given', () => {
    const given = { redis: {} }
    withDefaults(FIELDS, given)
    expect(given).to.deep.equal({ redis: {} })
  })

  const wrong: [object, string][] = [
    [{ alert_treshold: 1 }, 'config.alert_treshold: unknown field'],
    [{ alert_threshold: -1 }, 'config.alert_threshold: value should be between 0 and 9007199254740991'],
    [{ alert_threshold: 'many' }, 'config.alert_threshold: expected an integer'],
    [{ alert_threshold: 1.5 }, 'config.alert_threshold: expected an integer'],
    [{ alert_webhook: 'ftp://x' }, 'config.alert_webhook: invalid value: ftp://x'],
    [{ alert_webhook: '' }, 'config.alert_webhook: length must be at least 1'],
    [{ mode: 'other' }, 'config.mode: expected one of: response, tapped'],
    [{ percents: [5, 101] }, 'config.percents[2]: value should be between 1 and 100'],
    [{ percents: 5 }, 'config.percents: expected an array'],
    [{ size: 0 }, 'config.size: value must be greater than 0'],
    [{ target: 'ws://' }, 'config.target: must be http or https'],
    [{ redis: { prot: 1 } }, 'config.redis.prot: unknown field'],
    [{ redis: 'here' }, 'config.redis: expected a record'],
    [{ must: null }, 'config.must: required field missing'],
    [{ name: 'ab' }, 'config.name: length must be at least 3'],
    [{ name: 'abcdef' }, 'config.name: length must be at most 5'],
  ]
  for (const [given, message] of wrong) {
    it(`${JSON.stringify(given)}: ${message}`, () => {
      expect(violations(FIELDS, withDefaults(FIELDS, { ...given }), 'config')).to.deep.equal([message])
    })
  }

  it('names a schema attribute that it would not honour', () => {
    const odd = { type: 'string', starts_with: 'a' } as Shape
    expect(violations({ odd }, { odd: 'b' }, 'config')).to.deep.equal([
      "config.odd: schema attribute 'starts_with' is not supported by the development gateway",
    ])
  })
})

describe('development gateway: Lua patterns', () => {
  const cases: [string, string, boolean][] = [
    ['^https?://', 'https://x', true],
    ['^whsec_[%w+/=]+$', 'whsec_ab+/9=', true],
    ['^whsec_[%w+/=]+$', 'whsec_-', false],
    ['^%d+$', '12a', false],
    ['a.-b', 'axxb', true],
    ['100%%', '100%', true],
    ['a|b', 'a', false],
  ]
  for (const [pattern, text, fits] of cases) {
    it(`${pattern} ${fits ? 'fits' : 'does not fit'} ${text}`, () => {
      expect(luaPattern(pattern).test(text)).to.equal(fits)
    })
  }
  it('refuses what has no equal in JavaScript', () => expect(() => luaPattern('%bxy')).to.throw('%b'))
})
