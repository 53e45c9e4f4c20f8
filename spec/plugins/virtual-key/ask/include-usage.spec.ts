import { expect } from 'chai'
import fc from 'fast-check'
import { isCompletion, spliced, usageWish } from '../../../../plugins/virtual-key/ask/include-usage.ts'

function withUsageAsked(request: Buffer): Buffer | undefined {
  const splice = usageWish(request)
  return splice && spliced(request, splice)
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
    'the last of two': [
      '{"stream":true,"stream_options":{"include_usage":true},"stream_options":{"include_usage":false}}',
      '{"stream":true,"stream_options":{"include_usage":true},"stream_options":{"include_usage":true}}',
    ],
    'what a lenient server takes for true': [
      '{"stream":"True"}',
      '{"stream_options":{"include_usage":true},"stream":"True"}',
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
    '',
    '{}',
    '[]',
    'null',
    '{"stream":false}',
    '{"stream":null}',
    '{"stream":true,"stream":false}',
    '{"stream":true,"stream_options":{"include_usage":true}}',
    '{"messages":[{"stream":true}]}',
    '{"stream":true',
    '{"stream":true,}',
    '{"stream":true "x":1}',
    '{stream:true}',
    '{"a":"\\"stream\\":true"}',
  ]
  for (const request of left) {
    it(`${JSON.stringify(request)}: stays as it is`, () => {
      expect(withUsageAsked(Buffer.from(request))).to.equal(undefined)
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
    const sent = withUsageAsked(request)
    expect(performance.now() - started).to.be.below(500)
    expect(sent?.subarray(sent.length - request.length + 1).equals(request.subarray(1))).to.equal(true)
    const brackets = Buffer.from(`{"a":${'['.repeat(4_000_000)}${']'.repeat(4_000_000)},"stream":true}`)
    expect(withUsageAsked(brackets)?.length).to.equal(brackets.length + 40)
    const members = Buffer.from(`{${'"a":1,'.repeat(1_300_000)}"stream":true}`)
    expect(withUsageAsked(members)?.length).to.equal(members.length + 40)
    expect(performance.now() - started).to.be.below(5000)
  })

  it('is for chat and completion requests only', () => {
    for (const path of [
      '/v1/chat/completions',
      '/v1/completions',
      '/openai/deployments/x/chat/completions',
      '/completions/',
    ])
      expect(isCompletion(path), path).to.equal(true)
    for (const path of ['/v1/messages', '/v1/responses', '/api/chat', '/v1/chat/completions/x'])
      expect(isCompletion(path), path).to.equal(false)
  })
})
