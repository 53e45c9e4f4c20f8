import { expect } from 'chai'
import { request } from 'undici'
import { windowAt } from '../../plugins/virtual-key/policy/window.ts'
import { reservedName, totalName } from '../../plugins/virtual-key/redis/names.ts'
import { chat } from '../support/client.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

describe('Budgets', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(
      (webhook) => ({
        token_budget: 25,
        window: 'day',
        alert_webhook: webhook,
        webhook: { allow_private_networks: true },
      }),
      {
        routes: (webhook) => ({
          labelled: {
            config: {
              token_budget: 5,
              service: 'our-llm',
              alert_webhook: webhook,
              webhook: { allow_private_networks: true },
            },
          },
          forever: { config: { token_budget: 25 } },
          hidden: { config: { token_budget: 25, hide_client_headers: true } },
          tapped: { config: { token_budget: 25, window: 'day', body: 'tapped' }, tap: true },
          loose: { config: { token_budget: 1000 } },
          reserved: { config: { token_budget: 1000, reserve: true } },
          streamed: { config: { token_budget: 1000, reserve: true, body: 'tapped' }, tap: true },
          untapped: { config: { token_budget: 1000, reserve: true, body: 'tapped' } },
        }),
      },
    )
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  const send = async (route: string, key: string, body: unknown = {}, method: 'POST' | 'GET' = 'POST') => {
    const response = await request(`${scene.gateway.url}/${route}/chat`, {
      method,
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: JSON.stringify(body) } : {}),
    })
    return { status: response.statusCode, headers: response.headers, body: await response.body.text() }
  }
  const limits = (headers: Record<string, unknown>) => [
    headers['x-token-limit'],
    headers['x-token-remaining'],
    headers['x-token-reset'],
  ]
  const leftToday = () => Math.ceil(((windowAt('day', Date.now()).end ?? 0) - Date.now()) / 1000)
  const held = async (key: string) => Number(await scene.client.get(reservedName(key)))

  it('at or over the budget a key gets 429, when to come back, and what is left on every answer', async () => {
    const key = scene.newKey()
    const remaining: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await chat(scene.gateway, key)
      expect(status).to.equal(200)
      const [limit, left, reset] = limits(headers)
      expect(limit).to.equal('25')
      expect(Number(reset)).to.be.within(leftToday() - 1, leftToday() + 5)
      remaining.push(left)
    }
    // A buffered answer tells what is left after it.
    expect(remaining).to.deep.equal(['15', '5', '0'])
    const { status, headers, body } = await chat(scene.gateway, key)
    expect(status).to.equal(429)
    expect(JSON.parse(body)).to.deep.equal({ error: 'token budget exceeded' })
    expect(limits(headers).slice(0, 2)).to.deep.equal(['25', '0'])
    expect(Number(headers['retry-after'])).to.be.within(leftToday() - 1, leftToday() + 5)
    expect(headers['retry-after']).to.equal(headers['x-token-reset'])
    expect(scene.upstream.requests).to.have.length(3)
  })

  it('answers that cost nothing carry the headers too', async () => {
    const key = scene.newKey()
    expect(limits((await send('forever', key, {}, 'GET')).headers)).to.deep.equal(['25', '25', undefined])
    scene.upstream.answer = (response) => response.writeHead(500).end('broken')
    const failed = await send('forever', key)
    expect([failed.status, ...limits(failed.headers)]).to.deep.equal([500, '25', '25', undefined])
  })

  it('a window that never ends leaves no time to wait for', async () => {
    const key = scene.newKey()
    for (let i = 0; i < 3; i++) expect((await send('forever', key)).status).to.equal(200)
    const { status, headers } = await send('forever', key)
    expect([status, headers['retry-after'], ...limits(headers)]).to.deep.equal([
      429,
      undefined,
      '25',
      '0',
      undefined,
    ])
  })

  it('hide_client_headers keeps them to itself', async () => {
    const key = scene.newKey()
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await send('hidden', key)
      expect([status, ...limits(headers)]).to.deep.equal([i < 3 ? 200 : 429, undefined, undefined, undefined])
    }
  })

  it('tapped: the headers tell what was left before the answer', async () => {
    const key = scene.newKey()
    expect(limits((await send('tapped', key)).headers).slice(0, 2)).to.deep.equal(['25', '25'])
    await until('the count', async () => limits((await send('tapped', key, {}, 'GET')).headers)[1] === '15')
  })

  it('the first rejection in a window calls the webhook, once', async () => {
    const key = scene.newKey()
    scene.upstream.tokens = 30
    expect((await chat(scene.gateway, key)).status).to.equal(200)
    expect(scene.receiver.received).to.have.length(0)
    const refused = await Promise.all(Array.from({ length: 20 }, () => chat(scene.gateway, key)))
    expect(refused.every(({ status }) => status === 429)).to.equal(true)
    const [alert] = await until(
      'the alert',
      () => scene.receiver.received.length > 0 && scene.receiver.received,
    )
    const { timestamp, ...rest } = JSON.parse(alert?.body ?? '')
    expect(rest).to.deep.equal({
      event: 'token_budget_exceeded',
      key_id: key,
      service: 'openai',
      token_budget: 25,
      total_tokens: 30,
      reserved_tokens: 0,
    })
    expect(Math.abs(Date.parse(timestamp) - Date.now())).to.be.below(60_000)
    // Another key's alert has come meanwhile, and no second one of this key.
    const other = scene.newKey()
    expect((await chat(scene.gateway, other)).status).to.equal(200)
    expect((await chat(scene.gateway, other)).status).to.equal(429)
    await until('the other alert', () => scene.receiver.received.length === 2)
    expect(scene.receiver.ids.size).to.equal(2)
  })

  it('its service is the label that the configuration names', async () => {
    const key = scene.newKey()
    expect((await send('labelled', key)).status).to.equal(200)
    expect((await send('labelled', key)).status).to.equal(429)
    const [alert] = await until(
      'the alert',
      () => scene.receiver.received.length > 0 && scene.receiver.received,
    )
    expect(JSON.parse(alert?.body ?? '')).to.include({ event: 'token_budget_exceeded', service: 'our-llm' })
  })

  it('the next window starts with the whole budget', async () => {
    const key = scene.newKey()
    const yesterday = windowAt('day', Date.now() - 86_400_000)
    await scene.client.set(totalName(key, yesterday.label), 1000)
    expect((await chat(scene.gateway, key)).status).to.equal(200)
  })

  describe('with 100 concurrent requests of up to 100 tokens each and a budget of 1000', () => {
    const flood = async (route: string): Promise<{ passed: number; total: number }> => {
      const key = scene.newKey()
      scene.upstream.tokens = 100
      const waiting: Array<() => void> = []
      let held = true
      scene.upstream.answer = (response) => {
        const answer = () => scene.upstream.complete(response, 100)
        if (held) waiting.push(answer)
        else answer()
      }
      let answered = 0
      const all = Array.from({ length: 100 }, async () => {
        const answer = await send(route, key, { max_tokens: 100 })
        answered++
        return answer
      })
      // Until every request is either refused or waits for its answer, no answer comes.
      await until('everybody', () => answered + waiting.length === 100)
      held = false
      for (const answer of waiting) answer()
      const statuses = (await Promise.all(all)).map(({ status }) => status)
      const passed = statuses.filter((status) => status === 200).length
      expect(passed + statuses.filter((status) => status === 429).length).to.equal(100)
      await until('the count', async () => (await scene.total(key)) === passed * 100)
      await until('nothing held', async () => (await scene.client.get(reservedName(key))) === null)
      return { passed, total: passed * 100 }
    }

    it('reserve: the budget holds', async () => {
      expect(await flood('reserved')).to.deep.equal({ passed: 10, total: 1000 })
      expect(await flood('streamed')).to.deep.equal({ passed: 10, total: 1000 })
    })

    it('without it what was under way when it ran out is spent all the same', async () => {
      expect(await flood('loose')).to.deep.equal({ passed: 100, total: 10_000 })
    })
  })

  for (const route of ['reserved', 'streamed', 'untapped']) {
    it(`${route}: what a request held comes free, whatever its answer is`, async () => {
      const key = scene.newKey()
      const answers: Array<[string, number]> = [
        ['{"object":"list"}', 200],
        ['broken', 500],
        ['', 204],
      ]
      for (const [body, status] of answers) {
        let seen = 0
        scene.upstream.answer = async (response) => {
          seen = await held(key)
          response.writeHead(status, { 'content-type': 'application/json' }).end(body)
        }
        expect((await send(route, key, { max_tokens: 900 })).status).to.equal(status)
        expect(seen).to.equal(900)
        await until('the release', async () => (await held(key)) === 0)
      }
      scene.upstream.answer = (response) => response.socket?.destroy()
      expect((await send(route, key, { max_tokens: 900 })).status).to.equal(502)
      await until('the release', async () => (await held(key)) === 0)
      expect(await scene.total(key)).to.equal(0)
    })
  }

  for (const route of ['reserved', 'streamed']) {
    it(`${route}: so it does when the client hangs up`, async () => {
      const key = scene.newKey()
      let answer: (() => void) | undefined
      scene.upstream.answer = (response) => {
        answer = () => scene.upstream.complete(response, 10)
      }
      const hangUp = new AbortController()
      const sent = request(`${scene.gateway.url}/${route}/chat`, {
        method: 'POST',
        headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
        body: '{"max_tokens":900}',
        signal: hangUp.signal,
      }).catch((error) => error.name)
      await until('the request', () => answer !== undefined)
      expect(await held(key)).to.equal(900)
      hangUp.abort()
      expect(await sent).to.equal('AbortError')
      answer?.()
      await until('the release', async () => (await held(key)) === 0)
    })
  }

  it('reserve: a request kept out only by others under way may come back soon', async () => {
    const key = scene.newKey()
    let answer: (() => void) | undefined
    scene.upstream.answer = (response) => {
      answer = () => scene.upstream.complete(response, 10)
    }
    const first = send('reserved', key, { max_completion_tokens: 600 })
    await until('the first', () => answer !== undefined)
    const second = await send('reserved', key, { max_output_tokens: 600 })
    expect([second.status, second.headers['retry-after']]).to.deep.equal([429, '1'])
    // What declares nothing holds reserve_default, which is 1000.
    expect((await send('reserved', key, {})).status).to.equal(429)
    answer?.()
    expect(limits((await first).headers)[1]).to.equal('990')
    scene.reset()
    expect((await send('reserved', key, { max_tokens: 600 })).status).to.equal(200)
  })
})
