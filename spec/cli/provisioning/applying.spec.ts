import { expect } from 'chai'
import { applying } from '../../../cli/provisioning/applying.ts'
import { covers } from '../../../cli/provisioning/config-changes.ts'
import type { Plugin } from '../../../cli/provisioning/kong-state.ts'

const openai = { id: 's1', name: 'openai' }
const other = { id: 's2', name: 'other' }
const services = [openai, other]
const routes = [
  { id: 'r1', name: 'chat', service: { id: 's1' } },
  { id: 'r2', name: 'embed', service: { id: 's1' } },
  { id: 'r3', name: 'web', service: { id: 's2' } },
]

function plugin(id: string, scope: Partial<Plugin> = {}): Plugin {
  return {
    id,
    name: 'virtual-key',
    enabled: true,
    config: { service: id },
    tags: null,
    service: null,
    route: null,
    consumer: null,
    ...scope,
  }
}

const everywhere = plugin('everywhere')
const onService = plugin('on service', { service: { id: 's1' } })
const onRoute = plugin('on route', { route: { id: 'r1' } })

describe('the configuration that applies to a key', () => {
  const cases: ReadonlyArray<readonly [string, readonly Plugin[], readonly string[]]> = [
    ['none', [], []],
    ['the global one, once for both routes', [everywhere], ['the global plugin']],
    ["the service's before the global one", [everywhere, onService], ['service openai']],
    [
      "a route's before the service's, which the other route has",
      [everywhere, onService, onRoute],
      ['route chat', 'service openai'],
    ],
    ['none that is switched off', [{ ...onService, enabled: false }, everywhere], ['the global plugin']],
    ['none of a consumer', [plugin('own', { consumer: { id: 'c1' } })], []],
    ['none of another service', [plugin('theirs', { service: { id: 's2' } })], []],
    ['none of another plugin', [{ ...everywhere, name: 'key-auth' }], []],
    [
      'one for a route and its service before one for the route',
      [onRoute, plugin('both', { route: { id: 'r1' }, service: { id: 's1' } })],
      ['route chat'],
    ],
  ]
  for (const [name, plugins, wanted] of cases)
    it(`is ${name}`, () => {
      expect(applying({ services, routes, plugins }, openai).map(({ where }) => where)).to.deep.equal(wanted)
    })

  it('is that of the pair, not that of its route', () => {
    const both = plugin('both', { route: { id: 'r1' }, service: { id: 's1' } })
    const [first] = applying({ services, routes, plugins: [onRoute, both] }, openai)
    expect(first?.config).to.deep.equal({ service: 'both' })
  })

  it('is that of all routes where no service is named', () => {
    const found = applying({ services, routes, plugins: [everywhere, onService] }, undefined)
    expect(found.map(({ where }) => where)).to.deep.equal(['service openai', 'the global plugin'])
  })

  it('is that of the consumer on the route where it has one, and that of the consumer elsewhere', () => {
    const own = plugin('own', { consumer: { id: 'c1' } })
    const onChat = plugin('own on chat', { consumer: { id: 'c1' }, route: { id: 'r1' } })
    const gateway = { services, routes, plugins: [onRoute, everywhere, onChat, own] }
    const where = (id: string) => applying(gateway, openai, { id, name: 'vk-abc' }).map((one) => one.where)
    expect(where('c1')).to.deep.equal(['consumer vk-abc on route chat', 'consumer vk-abc'])
    expect(where('c2')).to.deep.equal(['route chat', 'the global plugin'])
  })

  it('is what a service without routes will have', () => {
    const found = applying({ services, routes: [], plugins: [onService] }, openai)
    expect(found.map(({ where }) => where)).to.deep.equal(['service openai'])
  })
})

describe('what is wanted of a configuration', () => {
  const cases: ReadonlyArray<readonly [boolean, unknown, unknown]> = [
    [true, 5, 5],
    [false, 5, 6],
    [false, '5', 5],
    [true, null, null],
    [true, undefined, null],
    [false, 0, null],
    [false, null, 0],
    [true, { a: 1, b: 2 }, { a: 1 }],
    [false, { a: 1 }, { a: 1, b: 2 }],
    [true, [1, 2], [1, 2]],
    [false, [1, 2], [1]],
    [false, [2, 1], [1, 2]],
    [true, [{ ip: 'a', port: 1 }], [{ ip: 'a' }]],
    [false, { 0: 1 }, [1]],
  ]
  for (const [wanted, there, given] of cases)
    it(`is ${wanted ? '' : 'not '}there: ${JSON.stringify(given)} in ${JSON.stringify(there)}`, () => {
      expect(covers(there, given)).to.equal(wanted)
    })
})
