import { expect } from 'chai'
import { type Entry, entryFrom } from '../../../cli/import/entry.ts'
import type { BadRow } from '../../../cli/import/row.ts'

const read = (values: Record<string, string>): Entry | BadRow[] =>
  entryFrom({ line: 7, values: new Map(Object.entries({ id: 'a', ...values })) })

function settings(values: Record<string, string>): Entry['settings'] {
  const entry = read(values)
  if (Array.isArray(entry)) throw new Error(entry.map(({ field, problem }) => `${field}: ${problem}`).join())
  return entry.settings
}

function problems(values: Record<string, string>): Array<string | undefined> {
  const entry = read(values)
  return Array.isArray(entry) ? entry.map(({ field, problem }) => `${field}: ${problem}`) : []
}

const EVENING = Date.UTC(2026, 10, 23, 18)

describe('a row of a table of keys', () => {
  it('reads every time that a database writes', () => {
    for (const [text, at] of [
      ['2026-11-23T18:00:00Z', EVENING],
      ['2026-11-23T20:00:00.5+02:00', EVENING + 500],
      ['2026-11-23 18:00:00', EVENING],
      ['2026-11-23 18:00', EVENING],
      ['2026-11-23 18:00:00.123456+00', EVENING + 123],
      ['2026-11-23 12:30:00-0530', EVENING],
      ['2026-11-23 12:30:00-05:30', EVENING],
      ['2026-11-23 18:00:00 +00', EVENING],
      ['2026-11-23', EVENING - 18 * 3_600_000],
      [String(EVENING), EVENING],
      [String(EVENING / 1000), EVENING],
      [`${EVENING / 1000}.25`, EVENING + 250],
      ['0', 0],
    ] as const)
      expect([text, settings({ expires_at: text })]).to.deep.equal([text, { expires_at: at }])
  })

  it('takes no other text for a time', () => {
    for (const text of [
      'never',
      '2026-02-29',
      '2026-13-01',
      '2026-11-23 24:00:00',
      '2026-11-23 18:60',
      '23.11.2026',
      '11/23/2026',
      '2026-11-23 18:00:00 PST',
      '2026-11-23T18:00:00+99:00',
      '1969-12-31',
      '-5',
      '9999999999999999',
      'infinity',
    ])
      expect(problems({ expires_at: text })).to.deep.equal([
        `expires_at: "${text}" is no time such as 2026-12-31T18:00:00Z`,
      ])
  })

  it('tells clear from absent: nothing, NULL and \\N clear', () => {
    for (const none of ['', ' ', 'NULL', 'null', '\\N']) {
      const all = settings({
        expires_at: none,
        token_budget: none,
        scope: none,
        source: none,
        disabled: none,
      })
      expect(Object.keys(all).sort()).to.deep.equal([
        'disabled',
        'expires_at',
        'scope',
        'source',
        'token_budget',
      ])
      expect(new Set(Object.values(all))).to.deep.equal(new Set([undefined]))
    }
    expect(settings({})).to.deep.equal({})
  })

  it('knows the scopes of other proxies, and no others', () => {
    for (const text of ['read', 'readonly', 'Read-Only', 'READ_ONLY', 'read only'])
      expect(settings({ scope: text })).to.deep.equal({ scope: 'read' })
    for (const text of ['write', 'read_write', 'read-write', 'read,write', 'read/write', 'all', '*', 'RW'])
      expect(settings({ scope: text })).to.deep.equal({ scope: 'all' })
    for (const text of ['constructor', '__proto__', 'admin', 'chat', 'read write delete'])
      expect(problems({ scope: text })).to.deep.equal([
        `scope: ${JSON.stringify(text)} is neither like read nor like all`,
      ])
  })

  it('reads whether a key was used; one that is not used now may have been used since', () => {
    const used = (values: Record<string, string>) => {
      const entry = read(values)
      return Array.isArray(entry) ? 'bad' : [entry.used, entry.settings]
    }
    for (const text of ['true', 't', '1', 'YES']) expect(used({ used: text })).to.deep.equal([true, {}])
    for (const text of ['false', 'f', '0', 'no', '', 'NULL'])
      expect(used({ used: text, used_at: '' })).to.deep.equal([false, {}])
    expect(used({ used: '2026-11-23 18:00:00' })).to.deep.equal([false, { used_at: EVENING }])
    expect(used({ used: 't', used_at: String(EVENING) })).to.deep.equal([false, { used_at: EVENING }])
    expect(problems({ used: 'maybe' })).to.deep.equal(['used: neither true, false nor a time'])
  })

  it('reads booleans, numbers, lists and texts as databases write them', () => {
    expect(
      settings({
        one_shot: 't',
        disabled: 'f',
        rate_limit: ' 60 ',
        alert_thresholds: '{10,20}',
        alert_percents: '50, 80',
        target: ' https://api.openai.com ',
        window: 'month',
      }),
    ).to.deep.equal({
      one_shot: true,
      disabled: undefined,
      rate_limit: 60,
      alert_thresholds: [10, 20],
      alert_percents: [50, 80],
      target: 'https://api.openai.com',
      window: 'month',
    })
  })

  it('takes an id as it is, but none that Redis would take for another', () => {
    const id = (text: string) => {
      const entry = read({ id: text })
      return Array.isArray(entry) ? entry.map(({ problem }) => problem) : entry.id
    }
    for (const text of [' a:b ', 'NULL', '0', '\u0000\n', '漢😀']) expect(id(text)).to.equal(text)
    expect(id('')).to.deep.equal(['it is missing'])
    expect(id('a\ud83d')).to.deep.equal(['it holds half a character'])
  })

  it('tells every problem of a row and no secret', () => {
    expect(
      problems({
        id: '',
        key: 'sk-secret',
        rate_limit: '0',
        one_shot: 'maybe',
        alert_webhook: 'hooks/sk-secret',
        token_budget: '1.5',
      }),
    ).to.deep.equal([
      'id: it is missing',
      'one_shot: "maybe" is neither true nor false',
      'token_budget: "1.5" is no integer from 0 to 9007199254740991',
      'alert_webhook: its 15 characters are no http or https URL',
      'rate_limit: "0" is no integer from 1 to 9007199254740991',
    ])
    expect(read({ key: 'sk-secret' })).to.include({ secret: 'sk-secret' })
  })
})
