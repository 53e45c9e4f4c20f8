import { expect } from 'chai'
import fc from 'fast-check'
import type { Denial } from '../../../../plugins/virtual-key/request/denial.ts'
import { isCompletion, spliced, usageWish } from '../../../../plugins/virtual-key/request/include-usage.ts'
import { leading } from '../../../../plugins/virtual-key/usage/json/bytes.ts'

function withUsageAsked(request: Buffer): Buffer | Denial | undefined {
  const wish = usageWish({ bytes: request, open: leading(request) })
  return wish === undefined || 'status' in wish ? wish : spliced(request, wish)
}

describe('ask_for_usage', () => {
  const asked: Record<string, [request: string, sent: string]> = {
    'nothing said': [
      '{"model":"gpt-5","stream":true}',
      '{"stream_options":{"include_usage":true},"model":"gpt-5","stream":true}',
    ],
    'white space kept': [
      ' \r\n{\n  "stream" : true\n}\n',
      ' \r\n{"stream_options":{"include_usage":true},\n  "stream" : true\n}\n',
    ],
    "the client's false": [
      '{"stream":true,"stream_options":{"include_usage":false}}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
    ],
    'options null': [
      '{"stream":true,"stream_options": null}',
      '{"stream":true,"stream_options": {"include_usage":true}}',
    ],
    'options empty': [
      '{"stream_options":{ },"stream":true}',
      '{"stream_options":{"include_usage":true },"stream":true}',
    ],
    'other options': [
      '{"stream_options":{"include_obfuscation":false},"stream":true}',
      '{"stream_options":{"include_usage":true,"include_obfuscation":false},"stream":true}',
    ],
    'a name in escapes': [
      '{"stream\\u005foptions":{"include\\u005fusage":0},"stream":true}',
      '{"stream\\u005foptions":{"include\\u005fusage":true},"stream":true}',
    ],
    'what a lenient server takes for true': [
      '{"stream":"True"}',
      '{"stream_options":{"include_usage":true},"stream":"True"}',
    ],
    'what Python takes for true': [
      '{"stream":[0]}',
      '{"stream_options":{"include_usage":true},"stream":[0]}',
    ],
    'a stream inside of a message': [
      '{"messages":[{"content":"\\"stream\\":true}"}],"stream":true}',
      '{"stream_options":{"include_usage":true},"messages":[{"content":"\\"stream\\":true}"}],"stream":true}',
    ],
  }
  for (const [what, [request, sent]] of Object.entries(asked)) {
    it(`${what}: asks`, () => {
      expect(withUsageAsked(Buffer.from(request))?.toString()).to.equal(sent)
    })
  }

  const left = [
    '{}',
    '{"stream":false}',
    '{"stream":null}',
    '{"stream":true,"stream_options":{"include_usage":true}}',
    '{"messages":[{"stream":true}]}',
    '{"a":"\\"stream\\":true"}',
  ]
  for (const request of left) {
    it(`${JSON.stringify(request)}: stays as it is`, () => {
      expect(withUsageAsked(Buffer.from(request))).to.equal(undefined)
    })
  }

  const unclear: ReadonlyArray<[member: string, request: string]> = [
    ['stream', '{"stream":true,"stream":false}'],
    ['stream', '{"stream":false,"Stream":true}'],
    ['stream', '{"\u017ftream":true}'],
    ['stream', '{"\\u017Ftream":true}'],
    ['stream', '{"stream\\u0000":true}'],
    ['stream_options', '{"stream":true,"Stream_Options":{"include_usage":true}}'],
    ['stream_options', '{"stream":true,"streamOptions":{"include_usage":true}}'],
    ['stream_options', '{"stream":true,"stream_options":{"include_usage":true},"stream_options":{}}'],
    ['include_usage', '{"stream":true,"stream_options":{"include_usage":true,"Include_Usage":false}}'],
  ]
  for (const [member, request] of unclear) {
    it(`${request}: is refused, because servers differ in what they read`, () => {
      expect(withUsageAsked(Buffer.from(request))).to.deep.equal({
        status: 400,
        error: `member ${member} of the request body is ambiguous`,
      })
    })
  }

  it('changes no other value of any request', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (other, pretty) => {
        const request = { ...other, stream: true }
        const text = JSON.stringify(request, undefined, pretty ? 2 : undefined)
        const sent = withUsageAsked(Buffer.from(text))
        const before = (other as { stream_options?: unknown }).stream_options
        const options = typeof before === 'object' && !Array.isArray(before) ? before : {}
        expect(JSON.parse(String(sent))).to.deep.equal({
          ...JSON.parse(text),
          stream_options: { ...options, include_usage: true },
        })
      }),
    )
  })

  it('keeps bytes that are no UTF-8, and 8 MB take no longer than a moment', () => {
    const long = Buffer.alloc(8_000_000, 'x')
    const request = Buffer.concat([
      Buffer.from('{"a":"\xff\xfe","b":"', 'latin1'),
      long,
      Buffer.from('","stream":true}'),
    ])
    const started = performance.now()
    const sent = withUsageAsked(request) as Buffer
    expect(performance.now() - started).to.be.below(5000)
    expect(sent.subarray(sent.length - request.length + 1).equals(request.subarray(1))).to.equal(true)
    const brackets = Buffer.from(`{"a":${'['.repeat(4_000_000)}${']'.repeat(4_000_000)},"stream":true}`)
    expect(withUsageAsked(brackets)).to.have.length(brackets.length + 40)
    expect(performance.now() - started).to.be.below(20_000)
  })

  it('is for chat and completion requests only', () => {
    for (const path of [
      '/v1/chat/completions',
      '/v1/completions',
      '/openai/deployments/x/chat/completions',
      '/completions/',
      '/v1/chat/completions?x=/v1/messages',
      '/v1/chat/%63ompletions',
      '/v1/chat/Completions//',
      '/v1/x/../chat/completions/.',
      '/v1/chat%2Fcompletions;v=1',
    ])
      expect(isCompletion(path), path).to.equal(true)
    for (const path of [
      '/v1/messages',
      '/v1/responses',
      '/api/chat',
      '/v1/chat/completions/x',
      '/v1/models?x=/completions',
    ])
      expect(isCompletion(path), path).to.equal(false)
  })
})
