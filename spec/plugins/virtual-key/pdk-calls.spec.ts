import { expect } from 'chai'
import { PrivateRedis } from '../../../dev/redis.ts'
import { Plugin } from '../../../plugins/virtual-key/index.ts'
import type { Kong } from '../../../plugins/virtual-key/pdk.ts'
import { ProcessServices } from '../../../plugins/virtual-key/process.ts'
import type { Config } from '../../../schema/config.ts'
import { PLAIN_CONFIG } from '../../support/plain-config.ts'

/** Each call is a round trip between Kong and the plugin server, and so the price of the plugin. */
describe('PDK calls of one request', () => {
  let redis: PrivateRedis
  const services = new ProcessServices()

  before(async () => {
    redis = await PrivateRedis.start()
  })

  after(async () => {
    await services.close(1000)
    await redis.stop()
  })

  function plugin(own: Partial<Config>): Plugin {
    const config = { ...PLAIN_CONFIG, redis: { ...PLAIN_CONFIG.redis, port: redis.port }, ...own }
    return new Plugin(config, services)
  }

  const body = Buffer.from('{"stream":true,"messages":[{"role":"user","content":"Hello"}]}')
  const headers = { 'content-length': [String(body.length)], 'x-virtual-key': ['vk-h'] }
  const usage = Buffer.from('{"usage":{"total_tokens":3}}')
  const line =
    'status=200&seen=28&ended=1&type=application%2Fjson&consumer=1&username=vk-abc&service=openai&note=%0A%7B%22key%22%3A%22vk-h%22%7D'
  const answers: Record<string, unknown> = {
    'request.getHeaders': headers,
    'request.getMethod': 'POST',
    'request.getPathWithQuery': '/v1/chat/completions',
    'request.getBody': [],
    'request.getRawQuery': 'alt=json',
    'request.getRawBody': body,
    'client.getConsumer': { id: '1', username: 'vk-abc' },
    'client.getCredential': { id: '2' },
    'service.response.getRawBody': usage,
    'service.response.getStatus': 200,
    'response.getHeaders': {},
    'ctx.shared.get': `${line}\n${usage.toString('base64')}`,
  }

  const usual = { ...answers }

  beforeEach(() => {
    Object.assign(answers, usual)
  })

  /** Runs phases against a Kong that writes down what it is asked. */
  async function calls(
    own: Partial<Config>,
    ...phases: Array<'access' | 'response' | 'log'>
  ): Promise<string[]> {
    const made: string[] = []
    const part = (path: string): unknown =>
      new Proxy(() => undefined, {
        get: (_, name) => part(path === '' ? String(name) : `${path}.${String(name)}`),
        apply: async () => {
          made.push(path)
          return answers[path]
        },
      })
    const one = plugin(own)
    for (const phase of phases) await one[phase](part('') as Kong)
    return made
  }

  it('tapped: three, and one more where a key is required', async () => {
    const tapped = ['request.getHeaders', 'ctx.shared.set', 'ctx.shared.get']
    expect(await calls({ body: 'tapped' }, 'access', 'log')).to.deep.equal(tapped)
    expect(await calls({ body: 'tapped', identify_by: 'header' }, 'access', 'log')).to.deep.equal(tapped)
    const required = await calls({ body: 'tapped', require_key: true }, 'access', 'log')
    expect(required).to.deep.equal(['request.getHeaders', 'client.getConsumer', ...tapped.slice(1)])
  })

  it('buffered: only an answer that is a model’s and reports nothing costs more, the request’s body included', async () => {
    const counted = [
      'request.getHeaders',
      'service.response.getRawBody',
      'service.response.getStatus',
      'response.getHeaders',
      // What hides usage, or hands out a session.
      'request.getPathWithQuery',
    ]
    answers['service.response.getRawBody'] = Buffer.from('{"id":"file-1","object":"file"}')
    // The first of a minute is logged as well.
    expect(await calls({}, 'access', 'response', 'log')).to.include.members(counted)
    expect(await calls({}, 'access', 'response', 'log')).to.deep.equal(counted)
    answers['service.response.getRawBody'] = Buffer.from('{"choices":[{"message":{"content":"Hi"}}]}')
    const estimated = [...counted, 'client.getConsumer', 'request.getHeaders']
    expect(await calls({ service: 'openai' }, 'access', 'response', 'log')).to.deep.equal([
      ...estimated,
      'request.getRawBody',
    ])
    answers['request.getHeaders'] = { 'transfer-encoding': ['chunked'] }
    answers['nginx.getVar'] = '5000'
    expect(await calls({ service: 'openai' }, 'access', 'response', 'log')).to.deep.equal([
      ...estimated,
      'nginx.getVar',
      'request.getRawBody',
    ])
    answers['nginx.getVar'] = '9000000'
    expect(await calls({ service: 'openai' }, 'access', 'response', 'log')).to.deep.equal([
      ...estimated,
      'nginx.getVar',
    ])
  })

  it('tapped: asking for usage costs two more, estimating none', async () => {
    const made = await calls({ body: 'tapped', ask_for_usage: true, estimate: true }, 'access', 'log')
    expect(made).to.deep.equal([
      'request.getHeaders',
      'request.getPathWithQuery',
      'request.getRawBody',
      'ctx.shared.set',
      'ctx.shared.get',
    ])
  })

  it('buffered: four, and none in the log phase', async () => {
    expect(await calls({}, 'access', 'response', 'log')).to.deep.equal([
      'request.getHeaders',
      'service.response.getRawBody',
      'service.response.getStatus',
      'client.getConsumer',
    ])
  })

  it('a GET is asked for its path, and an answer that may have been fetched for its method: no other POST pays for that', async () => {
    answers['request.getHeaders'] = {}
    answers['request.getMethod'] = 'GET'
    answers['request.getPath'] = '/v1/models'
    const asked = ['request.getHeaders', 'request.getMethod', 'request.getPath']
    expect(await calls({}, 'access')).to.deep.equal([...asked, 'request.getRawQuery', 'nginx.setCtx'])
    answers['request.getPath'] = '/v1/responses/resp_1'
    expect(await calls({}, 'access')).to.deep.equal(asked)
    const counted = ['request.getHeaders', 'service.response.getRawBody', 'service.response.getStatus']
    answers['request.getHeaders'] = headers
    expect(await calls({}, 'access', 'response')).to.deep.equal([...counted, 'client.getConsumer'])
    const kept = { object: 'response', id: 'resp_1', usage: { total_tokens: 3 } }
    answers['service.response.getRawBody'] = Buffer.from(JSON.stringify(kept))
    expect(await calls({}, 'access', 'response')).to.deep.equal([...counted, 'request.getMethod'])
  })

  it('buffered: an answer that reports a part of its usage costs the query', async () => {
    const [headers, body, status, consumer] = await calls({}, 'access', 'response')
    answers['service.response.getRawBody'] = Buffer.from('{"usageMetadata":{"promptTokenCount":3}}')
    const part = [headers, body, status, 'request.getPathWithQuery', consumer]
    expect(await calls({}, 'access', 'response')).to.deep.equal(part)
    answers['service.response.getRawBody'] = usage
  })

  it('the registry costs one more, a budget three, of which hide_client_headers saves two', async () => {
    const identified = [
      'request.getHeaders',
      'client.getConsumer',
      'service.response.getRawBody',
      'service.response.getStatus',
      'client.getConsumer',
    ]
    const hidden = { token_budget: 1_000_000, hide_client_headers: true }
    expect(await calls({ registry: true }, 'access', 'response', 'log')).to.deep.equal(identified)
    expect(await calls(hidden, 'access', 'response', 'log')).to.deep.equal(identified)
    expect(await calls({ token_budget: 1_000_000 }, 'access', 'response', 'log')).to.deep.equal([
      ...identified.slice(0, 2),
      'response.setHeaders',
      ...identified.slice(2),
      'response.setHeader',
    ])
  })

  it('reserve costs three more, and tapped two, for the request and its path are read and what it holds is noted', async () => {
    const reserve = { token_budget: 1_000_000, hide_client_headers: true, reserve: true }
    answers['ctx.shared.get'] = '\n{"key":"vk-abc"}'
    expect(await calls(reserve, 'access', 'response', 'log')).to.deep.equal([
      'request.getHeaders',
      'client.getConsumer',
      'request.getRawBody',
      'request.getPathWithQuery',
      'ctx.shared.set',
      'service.response.getRawBody',
      'service.response.getStatus',
      'ctx.shared.get',
      // In the log phase, when the client has its answer: this request was not counted, because the note was none of its own.
      'ctx.shared.get',
    ])
    answers['ctx.shared.get'] = `${line}\n${usage.toString('base64')}`
    expect(await calls({ ...reserve, body: 'tapped' }, 'access', 'log')).to.deep.equal([
      'request.getHeaders',
      'client.getConsumer',
      'request.getRawBody',
      'request.getPathWithQuery',
      'ctx.shared.set',
      'ctx.shared.get',
      'ctx.shared.get',
    ])
  })

  it('reserve asks a request of no declared length, as HTTP/2 allows, for its method', async () => {
    const reserve = {
      token_budget: 1_000_000,
      hide_client_headers: true,
      reserve: true,
      body: 'tapped' as const,
    }
    answers['request.getHeaders'] = {}
    const asked = ['request.getHeaders', 'client.getConsumer', 'request.getMethod']
    for (const method of ['POST', 'PUT', 'PATCH']) {
      answers['request.getMethod'] = method
      expect(await calls(reserve, 'access')).to.deep.equal([
        ...asked,
        // Whether it is too long: of a longer one getRawBody never tells.
        'request.getBody',
        'request.getRawBody',
        'request.getPathWithQuery',
        'ctx.shared.set',
      ])
    }
    answers['request.getMethod'] = 'GET'
    expect(await calls(reserve, 'access')).to.deep.equal([...asked, 'ctx.shared.set'])
  })
})
