import { expect } from 'chai'
import { boundsOf, declaredMost } from '../../../../plugins/virtual-key/admission/declared.ts'
import {
  answerOf,
  answerRulesOf,
  unseenThoughts,
} from '../../../../plugins/virtual-key/metering/estimate/answer-text.ts'
import { promptOf, promptRulesOf } from '../../../../plugins/virtual-key/metering/estimate/prompt.ts'
import { type ApiFormat, reportAt } from '../../../../plugins/virtual-key/usage/api-format.ts'
import { FORMATS, tableOf } from '../../../../plugins/virtual-key/usage/formats.ts'
import { inspectUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { json, sse } from '../../../fixtures/usage/wire.ts'
import { amongEvents } from './among-events.ts'
import { expectUsage } from './expected.ts'

/** An API that nobody has, and whose names are like no other's. */
const invented: ApiFormat = {
  name: 'invented',
  usage: reportAt('bill', { prompt: 'wordsRead', completion: 'wordsWritten' }),
  headers: { prompt: 'x-words-read', completion: 'x-words-written' },
  answer: {
    text: ['speech'],
    objects: ['errand'],
    sealed: ['secret'],
    call: /"errand"\s*:/,
    marks: ['bows'],
    unseen: { model: /oracle-\d+/, tokens: 77 },
  },
  request: { text: ['question'], schemas: ['customs'], turns: ['chatter'], media: ['painting'] },
  bounds: { path: /\/v1\/speak$/, most: ['manners.mostWords'], answers: ['manners.speeches'] },
}

/** Behind all others, as a new API is added. */
const formats = [...FORMATS, invented]

describe('usage: one object adds an API', () => {
  const table = tableOf(formats)
  const bill = { wordsRead: 3, wordsWritten: 4 }
  const read = (body: Parameters<typeof inspectUsage>[0], headers = {}) =>
    inspectUsage(body, { headers }, table).usage

  it('its answers are counted, which they are not without it', () => {
    expectUsage(read(json({ speech: 'Hello', bill })), [3, 4, 7], 'the body')
    const headers = { 'X-Words-Read': '5', 'x-words-written': '6' }
    expectUsage(read(json({ speech: 'Hello' }), headers), [5, 6, 11], 'the headers')
    expect(table.headers).to.include('x-words-read')
    expect(inspectUsage(json({ speech: 'Hello', bill })).reason).to.equal('no_usage')
  })

  it('its streams are counted, though no text is common to its counts and those of others', () => {
    const stream = sse([
      { speech: 'Hel' },
      { speech: 'lo', bill: { wordsRead: 3, wordsWritten: 1 } },
      { bill },
    ])
    expectUsage(read(stream), [3, 4, 7], 'alone')
    for (const { how, whole, cut } of amongEvents(stream)) {
      expectUsage(read(whole), [3, 4, 7], `events without usage ${how}`)
      expectUsage(read(cut), [3, 4, 7], `events without usage ${how}, their middle missing`)
    }
  })

  it('its answers and requests are estimated', () => {
    const rules = answerRulesOf(formats)
    const answer = answerOf('{"speech":"Hello","secret":"AAAAAAAAAA","errand":{"to":"Paris"}}', rules)
    expect(answer).to.deep.equal({ text: 'Hello"to":"Paris"', extra: 1 + 20, answered: true })
    expect(answerOf('{"bows":2}', rules).answered).to.equal(true)
    expect(answerOf('{"bows":2}').answered).to.equal(false)
    expect(unseenThoughts(['{"model":"oracle-9"}'], rules)).to.equal(77)

    const request = { chatter: [{ question: 'Why?' }, { painting: 'https://x' }], customs: { no: 'smoking' } }
    expect(promptOf(JSON.stringify(request), '', promptRulesOf(formats))).to.deep.equal({
      text: 'Why?\nno\nsmoking',
      extra: 1000 + 3 * 3,
      media: true,
    })
    expect(promptOf(JSON.stringify(request))).to.equal(undefined)
  })

  it('what its requests declare is reserved for, and nothing else at its path', () => {
    const bytes = json({ manners: { most_words: 50, speeches: 2 }, max_tokens: 9 })
    const most = (target: string) => declaredMost({ bytes, open: 0 }, target, 1000, boundsOf(formats))
    expect(most('/v1/speak')).to.equal(100)
    expect(most('/v1/messages')).to.equal(9)
    expect(most('/anything'), 'where no API is known').to.equal(100)
  })
})
