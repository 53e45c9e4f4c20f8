import { expect } from 'chai'
import { ask } from './support/client.ts'
import { gatewayWith, type RunningGateway, startUpstream, type Upstream } from './support/stack.ts'

describe('development gateway: key-auth', () => {
  let upstream: Upstream
  let gateway: RunningGateway

  before(async () => {
    upstream = await startUpstream((request, response) => {
      response.end(JSON.stringify({ url: request.url, headers: request.headers }))
    })
    const route = (path: string, config: object): object => ({
      paths: [path],
      plugins: [{ name: 'key-auth', config }],
    })
    gateway = await gatewayWith({
      services: [
        {
          name: 'echo',
          url: `http://127.0.0.1:${upstream.port}`,
          routes: [
            route('/plain', {}),
            route('/hidden', { hide_credentials: true }),
            route('/header', { key_in_query: false, key_names: ['x-key'], realm: 'llm' }),
            route('/preflight', { run_on_preflight: false }),
          ],
        },
      ],
      consumers: [
        { username: 'alice', custom_id: 'team-a', keyauth_credentials: [{ key: 'secret' }] },
        { custom_id: 'nameless', keyauth_credentials: [{ key: 'other' }] },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
  })

  const refusals: [string, string, Record<string, string | string[]>, string][] = [
    ['no key', '/plain', {}, 'No API key found in request'],
    ['an empty key', '/plain', { apikey: '' }, 'No API key found in request'],
    ['an unknown key', '/plain', { apikey: 'wrong' }, 'Unauthorized'],
    ['two keys', '/plain', { apikey: ['secret', 'secret'] }, 'Duplicate API key found'],
    ['two keys in the query', '/plain?apikey=secret&apikey=other', {}, 'Duplicate API key found'],
    ['a query argument without value', '/plain?apikey', {}, 'No API key found in request'],
    ['a query that is not read', '/header?x-key=secret', {}, 'No API key found in request'],
  ]
  for (const [what, path, headers, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const reply = await ask(gateway.url + path, { headers })
      expect(reply.status).to.equal(401)
      expect(reply.json()).to.deep.equal({ message, request_id: reply.headers['x-kong-request-id'] })
      expect(reply.headers['content-type']).to.equal('application/json; charset=utf-8')
      const challenge = path.startsWith('/header') ? 'Key realm="llm"' : 'Key'
      expect(reply.headers['www-authenticate']).to.equal(challenge)
    })
  }

  it('tells the upstream who it is, whatever the client claims', async () => {
    const forged = {
      'x-consumer-username': 'root',
      'x-consumer-id': 'root',
      'x-credential-identifier': 'root',
      'x-consumer-custom-id': 'root',
      'x-anonymous-consumer': 'true',
    }
    const { headers } = (
      await ask(`${gateway.url}/plain`, { headers: { ...forged, apikey: 'secret' } })
    ).json() as { headers: Record<string, string> }
    expect(headers).to.include({
      'x-consumer-username': 'alice',
      'x-consumer-custom-id': 'team-a',
      apikey: 'secret',
    })
    expect(headers['x-consumer-id']).to.match(/^[0-9a-f-]{36}$/)
    expect(headers['x-credential-identifier']).to.match(/^[0-9a-f-]{36}$/)
    expect(headers).not.to.have.property('x-anonymous-consumer')

    const second = await ask(`${gateway.url}/plain`, { headers: { ...forged, apikey: 'other' } })
    expect((second.json() as { headers: object }).headers).not.to.have.property('x-consumer-username')
  })

  it('hides the key from the upstream', async () => {
    const inHeader = (await ask(`${gateway.url}/hidden`, { headers: { apikey: 'secret' } })).json()
    expect(inHeader.headers).not.to.have.property('apikey')
    const inQuery = (await ask(`${gateway.url}/hidden?a=1&apikey=secret&b=%20`)).json()
    expect(inQuery.url).to.equal('/?a=1&b=%20')
  })

  it('lets a preflight through when told to', async () => {
    expect((await ask(`${gateway.url}/preflight`, { method: 'OPTIONS' })).status).to.equal(200)
    expect((await ask(`${gateway.url}/preflight`)).status).to.equal(401)
    expect((await ask(`${gateway.url}/plain`, { method: 'OPTIONS' })).status).to.equal(401)
  })
})
