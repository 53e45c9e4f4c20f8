import { expect } from 'chai'
import { PrivateRedis } from '../../../dev/redis.ts'
import { Plugin } from '../../../plugins/virtual-key/index.ts'
import type { Kong } from '../../../plugins/virtual-key/pdk.ts'
import { ProcessServices } from '../../../plugins/virtual-key/process.ts'
import { reservedName, totalName } from '../../../plugins/virtual-key/redis/names.ts'
import type { Config } from '../../../schema/config.ts'
import { type Connected, connected } from '../../support/connection.ts'
import { PLAIN_CONFIG } from '../../support/plain-config.ts'
import { until } from '../../support/until.ts'
import { completion } from '../../support/upstream.ts'
import { keyNames } from '../../support/usage-record.ts'

/** The phases as Kong runs them, one right after another. */
describe('What a request has reserved, between its phases', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let services = new ProcessServices()
  let plain: Connected
  const newKey = keyNames('holding')

  before(async () => {
    redis = await PrivateRedis.start()
    plain = await connected(redis.port)
  })

  after(async () => {
    await services.close(1000)
    plain?.redis.disconnect()
    await redis?.stop()
  })

  const plugin = (own: Partial<Config>) =>
    new Plugin(
      {
        ...PLAIN_CONFIG,
        token_budget: 1000,
        reserve: true,
        redis: { ...PLAIN_CONFIG.redis, port: redis.port },
        ...own,
      },
      services,
    )

  /** One request of up to 900 tokens. */
  function request(key: string, answer: string): Kong {
    const shared = new Map<string, string>()
    const body = Buffer.from('{"max_tokens":900}')
    return {
      request: {
        getHeaders: async () => ({ 'content-length': [String(body.length)] }),
        getRawBody: async () => body,
        getRawQuery: async () => '',
        getPathWithQuery: async () => '/v1/chat/completions',
      },
      client: { getConsumer: async () => ({ id: '1', username: key }) },
      router: { getService: async () => ({ name: 'openai' }) },
      service: { response: { getRawBody: async () => Buffer.from(answer), getStatus: async () => 200 } },
      response: {
        setHeader: async () => undefined,
        setHeaders: async () => undefined,
        getHeaders: async () => ({ 'content-type': ['application/json'] }),
      },
      ctx: {
        shared: {
          get: async (name: string) => shared.get(name),
          set: async (name: string, value: string) => void shared.set(name, value),
        },
      },
      log: { err: async (line: string) => expect.fail(line), warn: async () => undefined },
    } as unknown as Kong
  }

  const held = async (key: string) => Number(await plain.redis.get(reservedName(key)))
  const total = async (key: string) => Number(await plain.redis.get(totalName(key, 'total')))

  it('stays held until its estimate is counted, though its log phase is over before', async () => {
    const key = newKey()
    const one = plugin({ estimate: true })
    const content = 'Tokens are the small pieces of text that a language model reads and writes.'
    const kong = request(key, JSON.stringify({ choices: [{ message: { content } }] }))
    await one.access(kong)
    await one.response(kong)
    await one.log(kong)
    expect((await held(key)) || (await total(key))).to.be.above(0)
    await until('the count', async () => (await total(key)) > 0)
    expect(await held(key)).to.equal(0)
  })

  it('comes free where the estimate finds nothing to count', async () => {
    const key = newKey()
    const one = plugin({ estimate: true })
    const kong = request(key, '{"object":"list"}')
    await one.access(kong)
    expect(await held(key)).to.equal(900)
    await one.response(kong)
    await one.log(kong)
    await until('the release', async () => (await held(key)) === 0)
    expect(await total(key)).to.equal(0)
  })

  it('comes free where the access phase fails after it', async () => {
    const key = newKey()
    const errors: string[] = []
    const kong = request(key, completion(10))
    const broken = {
      ...kong,
      ctx: { shared: { set: () => Promise.reject(new Error('no room')) } },
      log: { err: async (line: string) => errors.push(line) },
    } as unknown as Kong
    await plugin({}).access(broken)
    expect(errors).to.deep.equal(['virtual-key: access failed: no room'])
    await until('the release', async () => (await held(key)) === 0)
  })

  it('comes free where Redis refuses the usage record for good', async () => {
    const key = newKey()
    const one = plugin({})
    const kong = request(key, completion(10))
    await one.access(kong)
    expect(await held(key)).to.equal(900)
    await plain.redis.rpush(totalName(key, 'total'), 'x')
    await one.response(kong)
    await one.log(kong)
    expect(await held(key)).to.equal(0)
  })

  it('a key that cannot be asked about is told of, and passes or not as fault_tolerant says', async () => {
    const key = newKey()
    await plain.redis.rpush(totalName(key, 'total'), 'x')
    const lines: string[] = []
    const exits: number[] = []
    const kong = {
      ...request(key, completion(10)),
      response: { exit: async (status: number) => void exits.push(status) },
      // At level error this phase says what an earlier request has lost.
      log: { warn: async (line: string) => lines.push(line), err: async () => undefined },
    } as unknown as Kong
    await plugin({}).access(kong)
    expect(exits).to.deep.equal([])
    await plugin({ fault_tolerant: false }).access(kong)
    expect(exits).to.deep.equal([503])
    expect(lines).to.have.length(1)
    expect(lines[0]).to.match(/^virtual-key: unchecked: 1 request whose key .*WRONGTYPE/)
  })

  it('is settled by the next process where the plugin server is started anew in between', async () => {
    const key = newKey()
    const kong = request(key, completion(10))
    await plugin({}).access(kong)
    expect(await held(key)).to.equal(900)
    await services.close(1000)
    services = new ProcessServices()
    const next = plugin({})
    await next.response(kong)
    await next.log(kong)
    expect([await total(key), await held(key)]).to.deep.equal([10, 0])
  })
})
