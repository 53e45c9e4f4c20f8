import { expect } from 'chai'
import fc from 'fast-check'
import { declaredMost } from '../../../../plugins/virtual-key/admission/declared.ts'
import { leading } from '../../../../plugins/virtual-key/usage/json/bytes.ts'

const DEFAULT = 1234

const declared = (request: unknown) => mostOf(Buffer.from(JSON.stringify(request)))

function mostOf(bytes: Buffer, target = '/llm'): number {
  return declaredMost({ bytes, open: leading(bytes) }, target, DEFAULT)
}

describe('declaredMost', () => {
  const cases: Array<[what: string, request: unknown, most: number]> = [
    ['OpenAI chat, old', { messages: [], max_tokens: 100 }, 100],
    ['OpenAI chat, new', { max_completion_tokens: 200 }, 200],
    ['OpenAI Responses', { max_output_tokens: 300 }, 300],
    ['several answers cost several times', { max_tokens: 100, n: 3 }, 300],
    ['best_of costs what it tries', { max_tokens: 100, n: 1, best_of: 5 }, 500],
    ['of several bounds the largest', { max_tokens: 100, max_output_tokens: 1 }, 100],
    ['Gemini', { generationConfig: { maxOutputTokens: 50, candidateCount: 2 } }, 100],
    [
      'Gemini, as protobuf names it',
      { generation_config: { max_output_tokens: 50, candidate_count: 2 } },
      100,
    ],
    ['Bedrock Converse', { inferenceConfig: { maxTokens: 60 } }, 60],
    ['Ollama', { options: { num_predict: 70 } }, 70],
    ['TGI', { parameters: { max_new_tokens: 80 } }, 80],
    ['a bound written as text', { max_tokens: '90' }, 90],
    ['a bound in scientific writing', JSON.parse('{"max_tokens": 1e3}'), 1000],
    ['zero', { max_tokens: 0 }, 0],
    ['Titan', { textGenerationConfig: { maxTokenCount: 15 } }, 15],
    ['Claude 2', { max_tokens_to_sample: 25 }, 25],
    ['Llama', { max_gen_len: 35 }, 35],
    ['Vertex', { parameters: { maxOutputTokens: 45 } }, 45],
    ['SGLang', { text: 'x', sampling_params: { max_new_tokens: 55, n: 2 } }, 110],
    ['Aleph Alpha', { prompt: 'x', maximum_tokens: 65, best_of: 2 }, 130],
    ['OCI', { chatRequest: { apiFormat: 'GENERIC', maxTokens: 75, numGenerations: 2 } }, 150],
    [
      'answers alone cost several times what is held by default',
      { n: 3, generationConfig: { candidateCount: 2 } },
      3 * DEFAULT,
    ],
    ['less than one answer is one', { max_tokens: 100, n: 0 }, 100],
    ['a part of a token is one', { max_tokens: 0.5 }, 1],
    ['nothing', { messages: [] }, DEFAULT],
    ['Ollama without a bound', { options: { num_predict: -1 } }, DEFAULT],
    ['no bound behind a small one', { max_tokens: 5, options: { num_predict: -1 } }, DEFAULT],
    ['null', { max_tokens: null }, DEFAULT],
    ['null beside a bound of another name', { max_tokens: 5, max_completion_tokens: null }, 5],
    ['no number', { max_tokens: 'many' }, DEFAULT],
    ['a number as Python reads it', { max_tokens: ' +1_500 ' }, 1500],
    ['in letters that Go takes for the same', { max_tokens: 5, MAX_TOKENſ: 700 }, 700],
    ['in letters that protobuf takes for the same', { generation_config: { maxOutputTokens: 9 } }, 9],
    [
      'a bound that only a message speaks of',
      { messages: [{ content: '"max_tokens": 5', max_tokens: 5 }] },
      DEFAULT,
    ],
    ['too many', { max_tokens: 1e300, n: 128 }, Number.MAX_SAFE_INTEGER],
  ]
  for (const [what, request, most] of cases) it(what, () => expect(declared(request)).to.equal(most))

  it('of repeated members the largest, whichever the upstream obeys', () => {
    expect(mostOf(Buffer.from('{"max_tokens":1,"max_tokens":7}'))).to.equal(7)
    expect(mostOf(Buffer.from('{"max_tokens":7,"max_tokens":1}'))).to.equal(7)
    expect(mostOf(Buffer.from('{"max_tokens":7,"max_tokens":null}'))).to.equal(DEFAULT)
    expect(mostOf(Buffer.from('{"max_tokens":1,"n":9,"n":1}'))).to.equal(9)
    expect(
      mostOf(
        Buffer.from('{"generationConfig":{"maxOutputTokens":1},"generation_config":{"max_output_tokens":7}}'),
      ),
    ).to.equal(7)
  })

  it('a bound that the API does not know is none', () => {
    const bounds = {
      max_tokens: 1,
      max_output_tokens: 2,
      max_gen_len: 3,
      generationConfig: { maxOutputTokens: 4 },
      inferenceConfig: { maxTokens: 5 },
      options: { num_predict: 6 },
    }
    const at = (target: string) => mostOf(Buffer.from(JSON.stringify(bounds)), target)
    expect(at('/v1/chat/completions?x=/responses')).to.equal(1)
    expect(at('/v1/messages/')).to.equal(1)
    expect(at('/v1/responses')).to.equal(2)
    expect(at('/v1beta/models/gemini:streamGenerateContent')).to.equal(4)
    expect(at('/model/anthropic.claude/converse-stream')).to.equal(5)
    expect(at('/api/chat')).to.equal(6)
    expect(at('/somewhere')).to.equal(6)
    expect(mostOf(Buffer.from('{"max_gen_len":1}'), '/v1/messages/../chat/%63ompletions')).to.equal(DEFAULT)
  })

  it('a number is what every JSON parser reads, however it is written', () => {
    const most = (text: string) => mostOf(Buffer.from(` {"max_tokens":${text}}`))
    expect(most(`1.${'0'.repeat(40)}e5`)).to.equal(100_000)
    expect(most('5000000e-2')).to.equal(50_000)
    expect(most(`${'9'.repeat(400)}`)).to.equal(Number.MAX_SAFE_INTEGER)
    expect(most('0,"n":1e999')).to.equal(0)
    expect(most('1-1')).to.equal(DEFAULT)
    expect(most(`1.${'0'.repeat(2000)}e1`)).to.equal(Number.MAX_SAFE_INTEGER)
  })

  it('more members than are looked at hold more than any budget', () => {
    const many = `{"options":{${'"x":1,'.repeat(10_000)}"num_predict":700}}`
    expect(mostOf(Buffer.from(many), '/api/chat')).to.equal(Number.MAX_SAFE_INTEGER)
    expect(mostOf(Buffer.from('{"options":"none"}'), '/api/chat')).to.equal(DEFAULT)
  })

  it('a name written with escapes is that name', () =>
    expect(mostOf(Buffer.from('{"max\\u005ftokens":7}'))).to.equal(7))

  it('no request, however broken, makes it throw, and what it returns is a number of tokens', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const most = mostOf(Buffer.from(bytes))
          return most >= 0 && most <= Number.MAX_SAFE_INTEGER
        },
      ),
    )
  })
})
