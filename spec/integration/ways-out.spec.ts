import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { expect } from 'chai'
import { reservedName } from '../../plugins/virtual-key/redis/names.ts'
import { ANSWER_WAYS_OUT } from '../fixtures/ways-out/answers.ts'
import { BODY_WAYS_OUT } from '../fixtures/ways-out/bodies.ts'
import { QUERY_WAYS_OUT } from '../fixtures/ways-out/queries.ts'
import { REQUEST_WAYS_OUT } from '../fixtures/ways-out/requests.ts'
import { HUNG_UP, type Outcome, SETTINGS, TOKENS, type WayOut } from '../fixtures/ways-out/way-out.ts'
import { ROOT } from '../support/root.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

const WAYS_OUT = [...REQUEST_WAYS_OUT, ...QUERY_WAYS_OUT, ...BODY_WAYS_OUT, ...ANSWER_WAYS_OUT]
const MODES = ['buffered', 'tapped'] as const

describe('Ways out of the count', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({}), {
      keys: WAYS_OUT.length * MODES.length,
      routes: () =>
        Object.fromEntries(
          Object.entries(SETTINGS).flatMap(([name, config]) =>
            MODES.map((body) => [`${name}-${body}`, { config: { ...config, body }, tap: body === 'tapped' }]),
          ),
        ),
    })
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  for (const mode of MODES) {
    for (const way of WAYS_OUT) it(`${mode}: ${way.name}`, () => walk(way, mode))
  }

  it('docs/security.md lists each of them, and no other', () => {
    const lines = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8').split('\n')
    const listed = lines.flatMap((line) => {
      const [, name] = /^\| (.+?) \| .+ \|$/.exec(line) ?? []
      return name === undefined || name === '---' || name === 'A client tries' ? [] : [name]
    })
    expect(listed.sort()).to.deep.equal(WAYS_OUT.map(({ name }) => name).sort())
  })

  async function walk(way: WayOut, mode: (typeof MODES)[number]): Promise<void> {
    const key = scene.newKey()
    const { status, error, asked, tokens, holds, sent, sentBody } = outcomeOf(way, mode)
    const held: number[] = []
    scene.upstream.answer = async (response, request, body) => {
      held.push(Number(await scene.client.get(reservedName(key))))
      if (way.answer) way.answer(response, request, body)
      else scene.upstream.complete(response, TOKENS)
    }
    const answer = await send(`/${way.settings ?? 'alert'}-${mode}`, key, way.request, way.hangsUp)
    expect(answer.status, answer.body).to.equal(status)
    if (error !== undefined) {
      expect(JSON.parse(answer.body)).to.deep.equal({ error })
      expect(answer.headers, 'headers of an answer that was withheld').not.to.have.property(
        'content-encoding',
      )
    }
    expect(scene.upstream.requests).to.have.length(error !== undefined && !asked ? 0 : 1)
    const [got] = scene.upstream.requests
    for (const [name, value] of Object.entries(sent ?? {}))
      expect(got?.headers[name], name).to.equal(value ?? undefined)
    if (sentBody !== undefined) expect(got?.body === sentBody, 'the body sent').to.equal(true)
    if (holds !== undefined) expect(held).to.deep.equal([holds])
    await counts(key, mode, tokens)
  }

  /** An honest request behind it shows that nothing more is to come. */
  async function counts(key: string, mode: string, tokens: Outcome['tokens']): Promise<void> {
    const least = typeof tokens === 'number' ? tokens : tokens.atLeast
    await until('the count', async () => (await scene.total(key)) >= least)
    scene.upstream.answer = (response) => scene.upstream.complete(response, 7)
    const before = await scene.total(key)
    expect((await send(`/alert-${mode}`, key, { body: '{}' })).status).to.equal(200)
    await until('the next count', async () => (await scene.total(key)) >= before + 7)
    if (typeof tokens === 'number') expect(await scene.total(key)).to.equal(tokens + 7)
  }

  function send(
    route: string,
    key: string,
    { method = 'POST', target = '/v1/chat/completions', headers = {}, body }: WayOut['request'],
    hangsUp?: WayOut['hangsUp'],
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const whole = body === undefined || typeof body === 'string' || body instanceof Uint8Array
      const call = httpRequest(scene.gateway.url, {
        method,
        path: `${route}${target}`,
        headers: {
          apikey: `${key}-secret`,
          ...(whole ? { 'content-length': Buffer.byteLength(body ?? '') } : {}),
          ...(headers as Record<string, string>),
        },
      })
      call.on('error', (error) => (hangsUp ? resolve(GONE) : reject(error)))
      if (hangsUp === 'before the answer')
        void until('the request', () => scene.upstream.requests.length > 0).then(() => call.destroy(), reject)
      call.on('response', async (response) => {
        if (hangsUp) {
          response.on('error', () => undefined)
          response.once('data', () => call.destroy())
          response.once('close', () => resolve(GONE))
          return
        }
        const chunks: Buffer[] = []
        for await (const chunk of response) chunks.push(chunk as Buffer)
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks).toString('utf8') })
      })
      for (const piece of whole ? [body ?? ''] : body) call.write(piece)
      call.end()
    })
  }
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const GONE: Answer = { status: HUNG_UP, headers: {}, body: '' }

function outcomeOf({ happens }: WayOut, mode: (typeof MODES)[number]): Outcome {
  return 'status' in happens ? happens : happens[mode]
}
