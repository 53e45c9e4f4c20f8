import { expect } from 'chai'
import { loadDeclaration } from '../../../dev/gateway/declarative.ts'
import { EntityStore } from '../../../dev/gateway/entity-store.ts'
import { planOf } from '../../../dev/gateway/plan.ts'
import { unsupported } from '../../../dev/gateway/unsupported.ts'
import { BUNDLED, type PluginDefinition } from '../../../schema/kong/plugins.ts'
import { scopeOf } from '../../../schema/kong/precedence.ts'

const PLUGINS: Record<string, PluginDefinition> = {
  'key-auth': BUNDLED['key-auth'],
  script: { version: '1', priority: 1, fields: { label: { type: 'string', default: 'none' } } },
}
const read = (text: string) => {
  const store = new EntityStore({
    plugins: PLUGINS,
    unsupported: (name, values) => unsupported(PLUGINS, name, values),
    clock: () => 1_795_451_275_000,
  })
  loadDeclaration(`_format_version: "3.0"\n${text}`, store)
  return store
}

describe('development gateway: declarative file', () => {
  it('reads entities nested and at the top, and gives them the ids that Kong gives them', () => {
    const store = read(`
services:
- name: openai
  url: http://127.0.0.1:9202/api
  routes:
  - name: buffered
    paths: [/b]
    plugins: [{ name: script, config: { label: route } }]
routes:
- { name: other, service: openai, methods: [POST] }
consumers:
- username: vk-abc
  keyauth_credentials: [{ key: one }]
keyauth_credentials:
- { consumer: vk-abc, key: two }
plugins:
- { name: script }
- { name: script, service: openai, consumer: vk-abc, enabled: true }
- { name: script, route: other, enabled: false }
`)
    const service = '97c26c0f-e7c3-5ed0-8f53-0e1674722309'
    const consumer = 'e704f395-2e1c-5e4a-8d68-54d5a26ed8aa'
    const route = 'd26f7b13-d864-57df-a0c1-80206c60fdc0'
    expect(store.find('services', service)).to.include({
      name: 'openai',
      host: '127.0.0.1',
      port: 9202,
      path: '/api',
      retries: 5,
      created_at: 1_795_451_275,
    })
    expect(store.find('consumers', consumer)).to.include({ username: 'vk-abc' })
    const { caller, plugins } = planOf(store, [{ name: 'script', priority: 1 }])
    expect(['one', 'two', 'three'].map((key) => caller(key)?.consumer.id)).to.deep.equal([
      consumer,
      consumer,
      undefined,
    ])
    const other = store.find('routes', 'other')
    expect(other).to.deep.include({ service: { id: service } })
    expect(store.find('routes', 'buffered')).to.deep.include({ id: route, service: { id: service } })
    const seen = [...store.stored('plugins')].map((one) => [scopeOf(one), one.enabled, one.config])
    expect(seen).to.have.deep.members([
      [{ route }, true, { label: 'route' }],
      [{}, true, { label: 'none' }],
      [{ service, consumer }, true, { label: 'none' }],
      [{ route: other?.id }, false, { label: 'none' }],
    ])
    // Disabled ones are there, and do not run.
    expect(plugins.map(([, own]) => own.size)).to.deep.equal([3])
  })

  const refused: [string, string][] = [
    ['upstreams: [{ name: a }]', "'upstreams' is not supported by the development gateway"],
    ['plugins: [{ name: rate-limiting }]', "plugins[1].name: plugin 'rate-limiting' not enabled"],
    ['services: [{ name: a, host: b, hots: c }]', 'services[1].hots: unknown field'],
    ['services: [{ name: a }]', 'services[1].host: required field missing'],
    [
      'services: [{ name: a, url: https://b }]',
      'services[1].protocol: any other than http is not supported by the development gateway',
    ],
    [
      'services: [{ name: a, host: b, ca_certificates: [c] }]',
      'services[1].ca_certificates: not supported by the development gateway',
    ],
    [
      'routes: [{ paths: [/a], headers: { x: [y] } }]',
      'routes[1].headers: not supported by the development gateway',
    ],
    ['routes: [{ paths: [a] }]', 'routes[1].paths[1]: should start with: / (fixed path) or ~/ (regex path)'],
    [
      'routes: [{ name: a }]',
      "routes[1]: must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'",
    ],
    [
      'routes: [{ paths: [/a], protocols: [https] }]',
      'routes[1].protocols: https alone is not supported by the development gateway',
    ],
    ['routes: [{ paths: [/a], service: b }]', 'routes[1].service: no such service: "b"'],
    ['consumers: [{ tags: [a] }]', 'consumers[1]: at least one of these fields must be non-empty'],
    ['consumers: [{ username: a, acls: [] }]', 'consumers[1].acls: unknown field'],
    [
      'consumers: [{ username: a, plugins: [{ name: key-auth }] }]',
      'consumers[1].plugins[1].consumer: value must be null',
    ],
    [
      'plugins: [{ name: openid-connect }]',
      'plugins[1].name: the development gateway finds out who calls by key-auth',
    ],
    [
      'plugins: [{ name: cors }]',
      "plugins[1].name: plugin 'cors' not enabled; add it to the 'plugins' configuration property",
    ],
    ['consumers: [{ username: a }, { username: a }]', `UNIQUE violation detected on '{username="a"}'`],
    [
      'keyauth_credentials: [{ key: a, consumer: b }]',
      'keyauth_credentials[1].consumer: no such consumer: "b"',
    ],
    ['keyauth_credentials: [{ key: a }]', 'keyauth_credentials[1].consumer: required field missing'],
    ['plugins: [{ name: script, config: { lable: a } }]', 'plugins[1].config.lable: unknown field'],
    ['plugins: [{ name: script, ordering: {} }]', 'plugins[1].ordering: unknown field'],
    [
      'plugins: [{ name: script }, { name: script }]',
      `UNIQUE violation detected on '{consumer=null,name="script",route=null,service=null}'`,
    ],
    ['services: { name: a }', 'services: expected an array'],
    ['_transform: false', '_transform: false is not supported'],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${text}`, () => expect(() => read(text)).to.throw(message))
  }

  it('refuses another format', () => {
    const store = new EntityStore({ plugins: PLUGINS })
    expect(() => loadDeclaration('_format_version: "1.1"', store)).to.throw('_format_version: expected "3.0"')
  })

  it('names everything that is wrong at once', () => {
    expect(() => read('services: [{ name: a }]\nroutes: [{ name: b, sources: [c] }]')).to.throw(
      /services\[1\]\.host.*routes\[1\].sources.*routes\[1\]: must set/s,
    )
  })
})
