import { expect } from 'chai'
import {
  keyNote,
  sampleOf,
  type Tapped,
  tappedFrom,
  tappedKey,
  tappedUsage,
} from '../../../../../plugins/virtual-key/metering/tap/tapped.ts'
import { noteText } from '../../../../../plugins/virtual-key/request/note.ts'

const ANSWER = '{"usage":{"total_tokens":12}}'

const strings = (facts: Record<string, string | number>): Record<string, string> =>
  Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]))

/** The text that the tap leaves: a line of facts, then body, end of the body and request. */
function tapText(
  facts: Record<string, string | number>,
  { head = ANSWER, tail = '', request = '' } = {},
): string {
  const line = new URLSearchParams(strings(facts))
  return [line, ...[head, tail, request].map((part) => Buffer.from(part).toString('base64'))].join('\n')
}

function tapped(...of: Parameters<typeof tapText>): Tapped {
  const read = tappedFrom(tapText(...of))
  if (read === undefined) throw new Error('the text is not the tap’s')
  return read
}

describe('tappedFrom', () => {
  it('reads every fact that the tap leaves', () => {
    const facts = {
      ...{ fetched: 1, status: 201, seen: 300, ended: 1, note: '\n{}', type: 'text/plain', encoding: 'gzip' },
      ...{ 'x-prompt-tokens': 5, consumer: 'c-1', username: 'ann', custom_id: '7', credential: 'k-1' },
      ...{ service: 'openai', service_id: 's-1', sent: 99, sent_type: 'application/json' },
      ...{ sent_encoding: 'br', path: '/v1/chat' },
    }
    expect(tapped(facts, { head: 'head', tail: 'tail', request: 'request' })).to.deep.equal({
      status: 201,
      fetched: true,
      ended: true,
      note: '\n{}',
      consumer: { id: 'c-1', username: 'ann', custom_id: '7' },
      credentialId: 'k-1',
      service: 'openai',
      hints: {
        headers: strings(facts),
        contentType: 'text/plain',
        contentEncoding: 'gzip',
      },
      seen: 300,
      head: Buffer.from('head'),
      tail: Buffer.from('tail'),
      sent: {
        path: '/v1/chat',
        body: Buffer.from('request'),
        length: 99,
        type: 'application/json',
        encoding: 'br',
      },
    })
  })

  it('leaves out what the tap knew nothing of', () => {
    expect(tapped({ status: 499, sent: 9 }, { head: '' })).to.deep.equal({
      status: 499,
      fetched: false,
      ended: false,
      note: '',
      consumer: undefined,
      credentialId: undefined,
      service: '',
      hints: { headers: { status: '499', sent: '9' }, contentType: undefined, contentEncoding: undefined },
      seen: 0,
      head: Buffer.alloc(0),
      tail: undefined,
      sent: { path: '', body: Buffer.alloc(0), length: 9, type: undefined, encoding: undefined },
    })
    expect(tapped({ status: 200 }).sent).to.equal(undefined)
    expect(tapped({ status: 200, service_id: 's-1' }).service).to.equal('s-1')
  })

  it('takes no other text for the tap’s', () => {
    for (const text of ['', 'x', '{"status":200}', 'status=', 'status=ok', 'status=101', 'status=600\n'])
      expect(tappedFrom(text), text).to.equal(undefined)
  })
})

describe('tappedKey', () => {
  const facts = { status: 200, consumer: 'c-1', credential: 'k-1', note: noteText({ key: 'from access' }) }

  it('is the consumer’s name, the credential, or what access has noted of the header', () => {
    expect(tappedKey({ by: 'consumer' }, tapped({ ...facts, username: 'ann' }))).to.equal('ann')
    expect(tappedKey({ by: 'consumer' }, tapped({ ...facts, custom_id: '7' }))).to.equal('7')
    expect(tappedKey({ by: 'consumer' }, tapped(facts))).to.equal('c-1')
    expect(tappedKey({ by: 'credential' }, tapped(facts))).to.equal('k-1')
    expect(tappedKey({ by: 'header', name: 'x-key' }, tapped(facts))).to.equal('from access')
  })

  it('is undefined where Kong has authenticated nobody, or the note has no key', () => {
    for (const how of [{ by: 'consumer' }, { by: 'credential' }, { by: 'header', name: 'x-key' }] as const) {
      expect(tappedKey(how, tapped({ status: 200 })), how.by).to.equal(undefined)
      expect(tappedKey(how, tapped({ status: 200, note: 'keep\n{"key' })), how.by).to.equal(undefined)
    }
  })

  it('access notes the key of a header alone, the first where several come', () => {
    const headers = { 'x-key': ['a', 'b'], 'x-empty': [''] }
    expect(keyNote({ by: 'header', name: 'x-key' }, headers)).to.deep.equal({ key: 'a' })
    expect(keyNote({ by: 'header', name: 'x-empty' }, headers)).to.deep.equal({})
    expect(keyNote({ by: 'header', name: 'x-none' }, headers)).to.deep.equal({})
    expect(keyNote({ by: 'consumer' }, headers)).to.deep.equal({})
  })
})

describe('tappedUsage', () => {
  const reported = (...of: Parameters<typeof tapText>) => tappedUsage(tapped(...of)).reported

  it('is what the answer reports, whether it came whole or broke off', () => {
    expect(reported({ status: 200, ended: 1 })).to.include({ totalTokens: 12 })
    expect(reported({ status: 200 })).to.include({ totalTokens: 12 })
    const ends = { head: 'data: {"choices":[]}\n\n', tail: `ut"}]}\n\ndata: ${ANSWER}\n\n` }
    expect(reported({ status: 200, ended: 1, seen: 999 }, ends)).to.include({ totalTokens: 12 })
  })

  it('else the reason: nothing is reported, it cannot be read, or it broke off before', () => {
    expect(reported({ status: 200, ended: 1 }, { head: '{}' })).to.equal('no_usage')
    expect(reported({ status: 200, ended: 1, encoding: 'gzip' }, { head: '\x1f\x8b\0' })).to.equal(
      'unreadable',
    )
    expect(reported({ status: 200 }, { head: '{' })).to.equal('cut_off')
  })

  it('says where an answer that is made in the background can be fetched', () => {
    const head = '{"object":"response","id":"resp_1","status":"queued","background":true}'
    expect(tappedUsage(tapped({ status: 200, ended: 1 }, { head })).answer).to.deep.include({
      id: 'resp_1',
      background: true,
    })
  })
})

describe('sampleOf', () => {
  it('is the exchange as far as it was kept', () => {
    const facts = { status: 200, seen: 500, type: 'text/plain', encoding: 'br', path: '/v1/chat/completions' }
    const request = { sent: 77, sent_type: 'application/json', sent_encoding: 'gzip' }
    const bodies = { head: 'head', tail: 'tail', request: 'request' }
    expect(sampleOf(tapped({ ...facts, ...request }, bodies))).to.deep.equal({
      request: Buffer.from('request'),
      sent: 77,
      requestType: 'application/json',
      requestEncoding: 'gzip',
      head: Buffer.from('head'),
      tail: Buffer.from('tail'),
      seen: 500,
      type: 'text/plain',
      encoding: 'br',
    })
  })

  it('is the answer alone where the request was not kept', () => {
    expect(sampleOf(tapped({ status: 200, seen: 2 }, { head: '{}' }))).to.deep.include({
      request: new Uint8Array(),
      sent: undefined,
      head: Buffer.from('{}'),
      seen: 2,
    })
  })

  it('is undefined where the request asked no model', () => {
    for (const path of ['/v1/messages/count_tokens', '/v1/messages/count_tokens/'])
      expect(sampleOf(tapped({ status: 200, sent: 5, path })), path).to.equal(undefined)
  })
})
