import { once } from 'node:events'
import {
  request as httpRequest,
  type RequestListener,
  type RequestOptions,
  type ServerResponse,
} from 'node:http'
import { join } from 'node:path'
import { expect } from 'chai'
import { ask, type Reply } from './support/client.ts'
import { isPhase, isReturn, type Message } from './support/relay.ts'
import {
  FIXTURES,
  gatewayWith,
  type PluginStack,
  type RunningGateway,
  startPlugin,
  startUpstream,
  type Upstream,
} from './support/stack.ts'

type Call = [string, ...unknown[]]
type Calls = Partial<Record<'access' | 'response' | 'log', Call[]>>

describe('development gateway: phases of the external plugin', () => {
  let plugin: PluginStack
  let upstream: Upstream
  let gateway: RunningGateway
  let serve: RequestListener
  let messages: Message[]

  before(async () => {
    upstream = await startUpstream((request, response) => serve(request, response))
    plugin = await startPlugin(join(FIXTURES, 'script.js'))
    messages = plugin.relay.messages
    const script = (config: object): object => ({ name: 'script', config })
    gateway = await gatewayWith(
      {
        services: [
          {
            name: 'llm',
            url: `http://127.0.0.1:${upstream.port}`,
            routes: [
              { name: 'plain', paths: ['/plain'] },
              { name: 'broken', paths: ['/broken'], plugins: [script({ broken: 'on purpose' })] },
              {
                name: 'keyed',
                paths: ['/keyed'],
                plugins: [{ name: 'key-auth' }, script({ label: 'route' })],
              },
            ],
          },
        ],
        consumers: [
          { username: 'alice', keyauth_credentials: [{ key: 'a' }], plugins: [script({ label: 'alice' })] },
          { username: 'bob', keyauth_credentials: [{ key: 'b' }] },
        ],
        plugins: [script({})],
      },
      plugin,
    )
  })
  after(async () => {
    await gateway.close()
    await plugin.close()
    await upstream.close()
  })
  beforeEach(() => {
    messages.length = 0
    serve = (request, response) => request.pipe(response)
  })

  const scripted = (calls: Calls): Record<string, string> =>
    Object.fromEntries(Object.entries(calls).map(([phase, list]) => [`x-${phase}`, JSON.stringify(list)]))
  const play = async (
    calls: Calls,
    path = '/plain',
    options: RequestOptions = {},
    body = '',
  ): Promise<Reply> =>
    await ask(gateway.url + path, { ...options, headers: { ...scripted(calls), ...options.headers } }, body)
  const phases = (): unknown[] =>
    messages
      .filter(({ message }) => message[2] === 'plugin.HandleEvent')
      .map(({ message }) => (message[3] as [{ EventName: string }])[0].EventName)
  const logged = async (): Promise<void> => {
    const start = await plugin.relay.until(isPhase('log'))
    await plugin.relay.until((it) => messages.indexOf(it) > messages.indexOf(start) && isReturn(it))
  }
  const configOf = (label: string): Record<string, unknown>[] =>
    messages
      .filter(({ message }) => message[2] === 'plugin.StartInstance')
      .map(
        ({ message }) =>
          JSON.parse((message[3] as [{ Config: string }])[0].Config) as Record<string, unknown>,
      )
      .filter((config) => config.label === label)

  it('starts an instance with defaults and the ids of its scope, once', async () => {
    await Promise.all([play({}), play({}), play({})])
    const [config, ...more] = configOf('none')
    expect(more).to.deep.equal([])
    expect(config).to.deep.include({ label: 'none', limits: { tokens: 7 } })
    expect(config).to.have.all.keys('label', 'limits', '__plugin_id', '__seq__', '__key__', '__ws_id')
    await logged()
  })

  it('runs the configuration that is most specific to the consumer', async () => {
    await play({}, '/keyed', { headers: { apikey: 'a' } })
    expect(configOf('alice')[0]).to.include.keys('consumer_id')
    await play({}, '/keyed', { headers: { apikey: 'b' } })
    expect(configOf('route')[0]).to.include.keys('route_id')
  })

  it('shows response the whole body, and the client a header set there', async () => {
    let ended = false
    serve = (_request, response) => {
      response.write('one ')
      setImmediate(() => {
        ended = true
        response.end('two')
      })
    }
    const reply = await play({
      response: [
        ['service.response.get_raw_body'],
        ['response.set_header', 'x-seen', 'yes'],
        ['ctx.shared.set', 'a', 1],
      ],
      log: [['ctx.shared.get', 'a']],
    })
    expect(ended).to.equal(true)
    expect(reply.body.toString()).to.equal('one two')
    expect(reply.headers['x-seen']).to.equal('yes')
    const { data } = await plugin.relay.answerTo('kong.service.response.get_raw_body')
    expect(Buffer.from(data as Uint8Array).toString()).to.equal('one two')
    expect(await plugin.relay.answerTo('kong.ctx.shared.get')).to.deep.equal({ step: 'plugin.Step', data: 1 })
    await logged()
    expect(phases()).to.deep.equal(['access', 'response', 'log'])
  })

  it('holds a buffered response back to its end', async () => {
    let held: ServerResponse | undefined
    const asked = new Promise<void>((resolve) => {
      serve = (_request, response) => {
        held = response
        response.write('beginning')
        resolve()
      }
    })
    const order: string[] = []
    const reply = play({}).then(() => order.push('client got it'))
    await asked
    order.push('upstream ends')
    held?.end()
    await reply
    expect(order).to.deep.equal(['upstream ends', 'client got it'])
    await logged()
  })

  for (const [what, calls, options] of [
    ['buffering turned off in access', { access: [['nginx.set_ctx', 'buffered_proxying', false]] }, {}],
    [
      'a client that asks for an upgrade',
      {},
      { method: 'POST', headers: { connection: 'upgrade', upgrade: 'websocket' } },
    ],
  ] as [string, Calls, RequestOptions][]) {
    it(`streams and skips response: ${what}`, async () => {
      let held: ServerResponse | undefined
      serve = (_request, response) => {
        held = response
        response.write('first')
      }
      const headers = { ...scripted(calls), ...options.headers }
      const client = httpRequest(`${gateway.url}/plain`, { agent: false, ...options, headers }).end()
      const [response] = await once(client, 'response')
      const [first] = await once(response, 'data')
      expect(String(first)).to.equal('first')
      response.resume()
      held?.end()
      await logged()
      expect(phases()).to.deep.equal(['access', 'log'])
    })
  }

  it('a client that hangs up on a buffered response does not keep it from being read and counted', async () => {
    let held: ServerResponse | undefined
    const asked = new Promise<void>((resolve) => {
      serve = (_request, response) => {
        held = response
        response.write('beginning, ')
        resolve()
      }
    })
    const headers = scripted({ response: [['service.response.get_raw_body']] })
    const client = httpRequest(`${gateway.url}/plain`, { agent: false, headers }).end()
    client.on('error', () => {})
    await asked
    client.destroy()
    held?.end('end')
    const { data } = await plugin.relay.answerTo('kong.service.response.get_raw_body')
    expect(Buffer.from(data as Uint8Array).toString()).to.equal('beginning, end')
    await logged()
  })

  it('a client that hangs up on a streamed response closes the upstream; log sees 499', async () => {
    const upstreamClosed = new Promise((resolve) => {
      serve = (_request, response) => {
        response.write('beginning')
        response.on('close', resolve)
      }
    })
    const headers = scripted({
      access: [['nginx.set_ctx', 'buffered_proxying', false]],
      log: [['response.get_status']],
    })
    const client = httpRequest(`${gateway.url}/plain`, { agent: false, headers }).end()
    const [response] = await once(client, 'response')
    response.on('error', () => {})
    client.destroy()
    await upstreamClosed
    expect((await plugin.relay.answerTo('kong.response.get_status')).data).to.equal(499)
    await logged()
  })

  it('skips response, not log, when the upstream resets', async () => {
    serve = (request) => request.socket.destroy()
    const reply = await play({ log: [['response.get_status'], ['response.get_source']] })
    expect(reply.status).to.equal(502)
    expect((await plugin.relay.answerTo('kong.response.get_status')).data).to.equal(502)
    await logged()
    expect(phases()).to.deep.equal(['access', 'log'])
  })

  it('answers with what access exits with, and asks no upstream', async () => {
    serve = () => expect.fail('upstream asked')
    const exit: Call[] = [
      ['response.exit', 429, '{"error":"spent"}', { 'Content-Type': 'application/json', 'x-a': ['1', '2'] }],
    ]
    const reply = await play({ access: exit })
    expect(reply.status).to.equal(429)
    expect(reply.body.toString()).to.equal('{"error":"spent"}')
    expect(reply.headers).to.include({
      'content-type': 'application/json',
      'x-a': '1, 2',
      'content-length': '17',
    })
    await logged()
    expect(phases()).to.deep.equal(['access', 'log'])

    const table = await play({ access: [['response.exit', 401, { error: 'missing key' }]] })
    expect(table.json()).to.deep.equal({ error: 'missing key' })
    expect(table.headers['content-type']).to.equal('application/json; charset=utf-8')
  })

  it('replaces the upstream answer by what response exits with', async () => {
    const reply = await play(
      { response: [['response.exit', 403, 'no']] },
      '/plain',
      { method: 'POST' },
      'upstream',
    )
    expect([reply.status, reply.body.toString()]).to.deep.equal([403, 'no'])
    await logged()
  })

  it('runs log, not access, after key-auth has refused', async () => {
    expect((await play({}, '/keyed')).status).to.equal(401)
    await logged()
    expect(phases()).to.deep.equal(['log'])
  })

  it('runs the log phase of a global configuration when no route matches', async () => {
    expect((await play({}, '/absent')).status).to.equal(404)
    await logged()
    expect(phases()).to.deep.equal(['log'])
  })

  for (const [phase, method] of [
    ['access', 'service.response.get_status'],
    ['access', 'response.get_headers'],
    ['access', 'log.serialize'],
    ['response', 'service.request.set_header'],
    ['response', 'log.serialize'],
  ] as const) {
    it(`${method} in ${phase} answers the client 500 and the plugin never`, async () => {
      const reply = await play({ [phase]: [[method, 'x-a', 'b'], ['request.get_method']] })
      expect(reply.status).to.equal(500)
      expect(reply.json()).to.include({ message: 'An unexpected error occurred' })
      await logged()
      expect(JSON.stringify(messages)).not.to.contain('kong.request.get_method')
    })
  }

  it('a wrong call in log gets no answer and harms nobody', async () => {
    expect((await play({ log: [['request.get_method']] })).status).to.equal(200)
    await plugin.relay.until(({ message }) => JSON.stringify(message).includes('kong.request.get_method'))
    messages.length = 0
    expect((await play({})).status).to.equal(200)
    await logged()
  })

  it('gives a body over 8 KB only to who sets a limit', async () => {
    const body = 'x'.repeat(8193)
    const post = { method: 'POST' }
    expect((await play({ access: [['request.get_raw_body']] }, '/plain', post, body)).status).to.equal(500)
    expect((await play({ access: [['request.get_raw_body', 8192]] }, '/plain', post, body)).status).to.equal(
      500,
    )
    expect((await play({ access: [['request.get_raw_body']] }, '/plain', post, 'small')).status).to.equal(200)
    messages.length = 0
    const reply = await play({ access: [['request.get_raw_body', 8193]] }, '/plain', post, body)
    expect(reply.body.toString()).to.equal(body)
    const { data } = await plugin.relay.answerTo('kong.request.get_raw_body')
    expect(data).to.be.instanceOf(Uint8Array).with.length(8193)
  })

  it('sends the upstream what access changed', async () => {
    serve = async (request, response) => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      response.end(JSON.stringify({ headers: request.headers, body }))
    }
    const access: Call[] = [
      ['service.request.set_header', 'accept-encoding', 'identity'],
      ['service.request.clear_header', 'x-drop'],
      ['service.request.set_raw_body', 'other'],
    ]
    const options = { method: 'POST', headers: { 'x-drop': '1', 'accept-encoding': 'zstd' } }
    const seen = (await play({ access }, '/plain', options, 'given')).json()
    expect(seen.body).to.equal('other')
    expect(seen.headers).to.include({ 'accept-encoding': 'identity', 'content-length': '5' })
    expect(seen.headers).not.to.have.property('x-drop')
  })

  it('answers nil to an unknown method and names it in the log', async () => {
    await play({ access: [['request.get_nothing']] })
    expect(await plugin.relay.answerTo('kong.request.get_nothing')).to.deep.equal({
      step: 'plugin.Step',
      data: undefined,
    })
    expect(gateway.log.map(({ message }) => message)).to.include(
      'PDK method kong.request.get_nothing is not supported by the development gateway',
    )
  })

  it('answers 500 where the constructor throws, and only there', async () => {
    expect((await play({}, '/broken')).status).to.equal(500)
    expect((await play({})).status).to.equal(200)
    expect(gateway.log.some(({ message }) => message.includes('broken: on purpose'))).to.equal(true)
  })
})
