import { expect } from 'chai'
import { render } from '../../../../plugins/virtual-key/outbox/format.ts'
import { alertJson, budgetAlertJson } from '../../../../schema/alert.ts'

const payload = (key_id: string, service = 'openai') => {
  const json = alertJson({ key_id, service, timestamp: '2026-04-06T19:00:00Z' })
  return `${json.before_threshold}100${json.before_total}101${json.after_total}`
}
const text = (body: string) => JSON.parse(body).text

describe('render', () => {
  it('json: the payload, byte for byte', () =>
    expect(render('json', payload('vk-abc'))).to.equal(payload('vk-abc')))

  it('slack: one member, a text with key, service, threshold and total', () => {
    const body = JSON.parse(render('slack', payload('vk-abc')))
    expect(body).to.deep.equal({
      text: 'Virtual key *vk-abc* on service *openai* has crossed 100 tokens: 101 used so far (2026-04-06T19:00:00Z).',
    })
  })

  it('slack: a refused key, with budget and total', () => {
    const json = budgetAlertJson({ key_id: 'vk-abc', service: '', timestamp: 't' })
    const whole = `${json.before_budget}100${json.before_total}101${json.before_reserved}7${json.after_reserved}`
    expect(text(render('slack', whole))).to.equal(
      'Virtual key *vk-abc* is refused by its budget of 100 tokens: 101 used (t).',
    )
  })

  it('slack: leaves out a service that nobody could tell', () =>
    expect(text(render('slack', payload('vk-abc', '')))).to.match(/^Virtual key \*vk-abc\* has crossed/))

  it('slack: a key id mentions nobody and hides no link', () =>
    expect(text(render('slack', payload('<!channel> & <https://evil|x>')))).to.include(
      '*&lt;!channel&gt; &amp; &lt;https://evil|x&gt;*',
    ))

  it('slack: says of a test that it is one', () =>
    expect(
      text(render('slack', JSON.stringify({ event: 'test', key_id: 'a', service: '', timestamp: 't' }))),
    ).to.include('test'))

  it('sends what it cannot read as it is', () => expect(render('slack', '{')).to.equal('{'))
})
