import { expect } from 'chai'
import { AdminApi } from '../../../cli/provisioning/admin-api.ts'
import { noSegment, path, segment } from '../../../cli/provisioning/admin-path.ts'
import { type HttpServer, httpServer } from '../../support/http-server.ts'
import { type Ended, vk } from '../../support/vk.ts'

const MINE = '00000000-0000-4000-8000-000000000001'
const THEIRS = '00000000-0000-4000-8000-000000000002'
const plugin = { id: MINE, name: 'rate-limiting', enabled: true, config: {}, tags: ['virtual-key'] }
const nowhere = { route: null, service: null, consumer: null }
const page = (...data: unknown[]) => ({ data, next: null })

/** What a server answers, by method and path without the query. Anything else is not found. */
type Answers = Readonly<Record<string, unknown>>

describe('what Kong answers', function () {
  this.timeout(60_000)

  let server: HttpServer
  let answers: Answers = {}
  let heard: string[] = []

  before(async () => {
    server = await httpServer(({ method, url = '' }, _, response) => {
      const asked = `${method} ${url.replace(/\?.*/, '')}`
      heard.push(asked)
      const body = answers[asked]
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body ?? { message: 'Not found' }))
    })
  })
  after(() => server.close())

  const run = (given: Answers, ...args: string[]): Promise<Ended> => {
    answers = { 'GET /services': page(), 'GET /routes': page(), 'GET /plugins': page(), ...given }
    heard = []
    return vk([...args, '--no-registry'], { KONG_ADMIN_URL: server.url })
  }
  const writes = () => heard.filter((one) => !one.startsWith('GET '))

  it('is not taken for the consumer that was asked for when it is another one', async () => {
    const other = { id: MINE, username: 'other', tags: ['virtual-key'] }
    const { code, stderr } = await run({ 'GET /consumers/mine': other }, 'keys', 'delete', 'mine', '--yes')
    expect([code, stderr, writes()]).to.deep.equal([
      1,
      'vk: the consumer "mine" of Kong counts as key "other": give that id\n',
      [],
    ])
  })

  it('is not taken for what belongs to a consumer when it says another owner, or none', async () => {
    for (const consumer of [{ id: THEIRS }, null])
      for (const list of ['plugins', 'key-auth']) {
        const given = {
          'GET /consumers/mine': { id: MINE, username: 'mine', tags: ['virtual-key'] },
          [`GET /consumers/${MINE}/plugins`]: page(),
          [`GET /consumers/${MINE}/key-auth`]: page(),
          [`GET /consumers/${MINE}/${list}`]: page({ ...plugin, ...nowhere, consumer }),
        }
        const { code, stderr } = await run(given, 'keys', 'delete', 'mine', '--yes')
        expect([code, stderr, writes()]).to.deep.equal([
          1,
          'vk: Kong lists what is not of consumer "mine" as its own: nothing is changed\n',
          [],
        ])
      }
  })

  it('ends a run that has made another consumer, and nothing more is made', async () => {
    const given = { 'PUT /consumers/mine': { id: MINE, username: 'other' } }
    const { code, stdout } = await run(given, 'keys', 'create', 'mine')
    expect([code, writes()]).to.deep.equal([1, ['PUT /consumers/mine']])
    expect(stdout).not.to.include('vk_')
  })

  it('ends a run that has made a plugin for everybody, and says which', async () => {
    const given = {
      'PUT /consumers/mine': { id: MINE, username: 'mine' },
      'POST /consumers/mine/plugins': { ...plugin, ...nowhere },
    }
    const { code, stdout, stderr } = await run(given, 'keys', 'create', 'mine', '--rate-limit', '5')
    expect([code, writes()]).to.deep.equal([1, ['PUT /consumers/mine', 'POST /consumers/mine/plugins']])
    expect(stderr).to.include(
      `Kong has made "rate-limiting" of all requests where rate-limiting of consumer mine was asked for: look at plugin "${MINE}"`,
    )
    expect(stdout).not.to.include('vk_')
  })

  it('shows no key where what answers the credential is no Kong', async () => {
    const given = {
      'PUT /consumers/mine': { id: MINE, username: 'mine' },
      'POST /consumers/mine/key-auth': [],
    }
    const { code, stdout, stderr } = await run(given, 'keys', 'create', 'mine')
    expect(code).to.equal(1)
    expect(stderr).to.include("answers, but not as Kong's Admin API does")
    expect(stdout).to.equal('+ consumer mine\n')
  })

  it('may page for ever, and is not followed', async () => {
    answers = { 'GET /consumers': { data: [{ id: MINE }], next: '/consumers' } }
    const api = new AdminApi({ url: server.url, tokenHeader: 'x' })
    expect(await api.all('/consumers')).to.deep.equal([{ id: MINE }])
  })

  it('cannot command a terminal, in a message, a name or JSON', async () => {
    const hostile = 'a\u001b[2J\u009b31m\u202eb'
    const given = {
      'GET /services': page({ id: MINE, name: hostile }),
      'GET /routes': page({ id: MINE, name: hostile, service: { id: MINE } }),
      'GET /consumers/mine': { id: MINE, username: 'mine', tags: [] },
      [`GET /consumers/${MINE}/key-auth`]: page(),
      [`GET /consumers/${MINE}/plugins`]: page({
        ...plugin,
        ...nowhere,
        name: hostile,
        consumer: { id: MINE },
      }),
    }
    const ends = [
      await run(given, 'keys', 'create', 'mine', '--service', 'absent'),
      await run(given, 'keys', 'create', 'mine', '--service', hostile, '--dry-run'),
      await run(given, 'keys', 'create', 'mine', '--service', hostile, '--dry-run', '--json'),
      await run(given, 'keys', 'delete', 'mine'),
      await run(given, 'keys', 'delete', 'mine', '--json'),
      await run(given, 'keys', hostile),
      await vk(['doctor', '--timeout', '1', '--redis-url', 'redis://127.0.0.1:1'], {
        KONG_ADMIN_URL: server.url,
      }),
    ]
    for (const { stdout, stderr } of ends)
      expect(stdout + stderr).not.to.match(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(JSON.parse(ends[2]?.stdout ?? '').notes.join()).to.include(hostile)
  })
})

describe('a path of the Admin API', () => {
  it('has every value as one segment', () => {
    expect(path`/consumers/${'a/../b?c#d %2e'}/key-auth/${'1'}`).to.equal(
      '/consumers/a%2F..%2Fb%3Fc%23d%20%252e/key-auth/1',
    )
    expect(path`/status`).to.equal('/status')
    for (const id of ['...', '%2e%2e', '..;', 'a..', '~', '鍵'])
      expect(new URL(path`/consumers/${id}/plugins`, 'http://kong').pathname).to.equal(
        `/consumers/${segment(id)}/plugins`,
      )
  })

  it('takes nothing that is no segment', () => {
    for (const value of ['', '.', '..', 'a\0b', 'half \ud83d'])
      expect(() => path`/consumers/${value}`, JSON.stringify(value)).to.throw('Kong has no path for')
    expect(noSegment('vk-abc')).to.equal(undefined)
  })

  it('is not asked for when a URL would change it, whoever built it', async () => {
    const api = new AdminApi({ url: 'http://127.0.0.1:1', tokenHeader: 'x' })
    for (const one of ['/consumers/..', '/consumers/%2e%2e/plugins', '/a/./b', '/a\\b', '//h/x/..'])
      expect(await api.get(one).catch((error: Error) => error.message), one).to.include(
        'would become another path',
      )
  })
})
