import { once } from 'node:events'
import { Agent, request as httpRequest, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { ask } from './support/client.ts'
import { gatewayWith, type RunningGateway, startUpstream, type Upstream } from './support/stack.ts'

describe('development gateway: proxying', () => {
  let upstream: Upstream
  let gateway: RunningGateway
  let serve: RequestListener

  before(async () => {
    upstream = await startUpstream((request, response) => serve(request, response))
    const url = `http://127.0.0.1:${upstream.port}`
    gateway = await gatewayWith({
      services: [
        {
          name: 'one',
          url,
          routes: [{ paths: ['/one'] }, { paths: ['/kept'], preserve_host: true, strip_path: false }],
        },
        { name: 'slow', url, read_timeout: 50, routes: [{ paths: ['/slow'] }] },
        { name: 'dead', url: 'http://127.0.0.1:1', routes: [{ paths: ['/dead'] }] },
      ],
      routes: [{ paths: ['/nowhere'] }],
    })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
  })

  it('says that it is for development and tests only', () => {
    expect(gateway.log[0]?.message).to.contain('for development and tests only')
  })

  it('answers 404 without a route, 503 without a service, 502 and 504 for a bad upstream', async () => {
    serve = () => {}
    for (const [path, status, message] of [
      ['/other', 404, 'no Route matched with those values'],
      ['/nowhere', 503, 'no Service found with those values'],
      ['/dead', 502, 'An invalid response was received from the upstream server'],
      ['/slow', 504, 'The upstream server is timing out'],
    ] as const) {
      const reply = await ask(gateway.url + path)
      expect(reply.status, path).to.equal(status)
      expect(reply.json()).to.deep.equal({ message, request_id: reply.headers['x-kong-request-id'] })
    }
  })

  it('answers 502 when the upstream resets', async () => {
    serve = (request) => request.socket.destroy()
    expect((await ask(`${gateway.url}/one`, { method: 'POST' }, 'x')).status).to.equal(502)
  })

  it('forwards as Kong does, hop-by-hop headers left out', async () => {
    serve = (request, response) =>
      response.end(JSON.stringify({ url: request.url, headers: request.headers }))
    const headers = { connection: 'x-private', 'x-private': '1', te: 'gzip', 'x-forwarded-for': '192.0.2.1' }
    const seen = (await ask(gateway.url, { path: '/one/a%20b/../c?x=%2F&y', headers })).json()
    expect(seen.url).to.equal('/c?x=%2F&y')
    expect(seen.headers).to.deep.include({
      host: `127.0.0.1:${upstream.port}`,
      connection: 'keep-alive',
      via: '1.1 kong/3.9.1',
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': '127.0.0.1',
      'x-forwarded-port': String(gateway.port),
      'x-forwarded-path': '/one/a%20b/../c',
      'x-forwarded-prefix': '/one',
      'x-real-ip': '127.0.0.1',
    })
    expect(seen.headers).not.to.have.any.keys('x-private', 'te')
    const kept = (await ask(`${gateway.url}/kept`, { headers: { host: 'api.example.com' } })).json()
    expect(kept.url).to.equal('/kept')
    expect(kept.headers).to.include({ host: 'api.example.com' })
  })

  it('passes bodies on byte by byte, compressed ones too', async () => {
    const compressed = gzipSync(Buffer.alloc(100_000, 'tokens '))
    serve = (request, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      request.pipe(response)
    }
    const reply = await ask(`${gateway.url}/one`, { method: 'POST' }, compressed)
    expect(reply.body.equals(compressed)).to.equal(true)
    expect(reply.headers).to.deep.include({ 'content-encoding': 'gzip', 'set-cookie': ['a=1', 'b=2'] })
    expect(reply.headers).to.include.keys(
      'x-kong-upstream-latency',
      'x-kong-proxy-latency',
      'x-kong-request-id',
      'via',
      'server',
      'date',
    )
  })

  it('keeps HEAD, 204 and 304 without a body', async () => {
    serve = (request, response) => {
      response.statusCode = Number(request.url?.slice(1))
      if (response.statusCode === 200) response.setHeader('content-length', '7')
      response.end(request.method === 'HEAD' ? undefined : '')
    }
    const head = await ask(`${gateway.url}/one/200`, { method: 'HEAD' })
    expect(head.headers['content-length']).to.equal('7')
    for (const status of [204, 304]) {
      const reply = await ask(`${gateway.url}/one/${status}`)
      expect(reply.status).to.equal(status)
      expect(reply.headers).not.to.have.any.keys('transfer-encoding', 'content-length')
    }
  })

  it('streams without a plugin that buffers, and closes the upstream when the client hangs up', async () => {
    const upstreamClosed = new Promise((resolve) => {
      serve = (_request, response) => {
        response.write('first')
        response.on('close', resolve)
      }
    })
    const client = httpRequest(`${gateway.url}/one`, { agent: false }).end()
    const [response] = await once(client, 'response')
    const [first] = await once(response, 'data')
    expect(String(first)).to.equal('first')
    response.on('error', () => {})
    client.destroy()
    await upstreamClosed
  })

  it('forgets a client that leaves before its request is complete', async () => {
    serve = () => expect.fail('upstream asked')
    const other = await gatewayWith({
      services: [{ host: '127.0.0.1', port: upstream.port, routes: [{ paths: ['/'] }] }],
    })
    const socket = connect(other.port, '127.0.0.1')
    socket.end('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf')
    socket.resume()
    await once(socket, 'close')
    await other.close()
    expect(other.log.filter(({ level }) => level === 'err' || level === 'crit')).to.deep.equal([])
  })

  it('serves 200 requests at once', async () => {
    serve = (request, response) => request.pipe(response)
    const agent = new Agent({ keepAlive: true })
    const bodies = Array.from({ length: 200 }, (_, index) => `body ${index}`)
    const replies = await Promise.all(
      bodies.map((body) => ask(`${gateway.url}/one`, { method: 'POST', agent }, body)),
    )
    agent.destroy()
    expect(replies.map(({ body }) => body.toString())).to.deep.equal(bodies)
  })
})
