import { expect } from 'chai'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { safeLine, safeText } from '../../../../plugins/virtual-key/telemetry/safe-text.ts'

/** What terminals obey: C0, DEL, C1 (CSI and OSC in one byte), line separators, bidirectional overrides and isolates, a tag beyond 16 bits. */
const HOSTILE = 'a\u0007\u001b[2J\r\u007f\u009b31m\u009d\u2028\u2029\u202e\u2066\u061c\u200f\ufeff\u{e0041}z'

describe('texts of others', () => {
  it('keep nothing that a terminal would obey', () => {
    expect(safeLine(HOSTILE)).to.equal(
      String.raw`a\u0007\u001b[2J\u000d\u007f\u009b31m\u009d\u2028\u2029\u202e\u2066\u061c\u200f\ufeff\udb40\udc41z`,
    )
    expect(safeLine('one\ntwo')).to.equal(String.raw`one\u000atwo`)
    expect(safeText('one\ntwo\u009b')).to.equal(`one\ntwo${String.raw`\u009b`}`)
  })

  it('keep every letter of every script', () => {
    for (const text of ['vk-abc', 'clé', 'ключ', '鍵', 'مفتاح', '🔑', '~ a → b'])
      expect([safeLine(text), safeText(text)]).to.deep.equal([text, text])
  })

  it('stay the same JSON', () => {
    const value = { [HOSTILE]: [HOSTILE, 'two\nlines'] }
    const text = safeText(JSON.stringify(value, null, 2))
    expect(JSON.parse(text)).to.deep.equal(value)
    expect(text).not.to.match(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  })

  it('are safe in every line of the log', () => {
    const lines: string[] = []
    const log = lineLog((line) => lines.push(line))
    log.info(HOSTILE)
    log.warn(HOSTILE)
    log.error(HOSTILE)
    for (const line of lines) expect(line).to.match(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u)
  })
})
