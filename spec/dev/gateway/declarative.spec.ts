import { expect } from 'chai'
import { readDeclaration } from '../../../dev/gateway/declarative.ts'
import type { PluginSchemas } from '../../../dev/gateway/plugin-configuration.ts'

const SCHEMAS: PluginSchemas = new Map([
  ['key-auth', { fields: [], onConsumer: false }],
  ['script', { fields: [{ label: { type: 'string', default: 'none' } }], onConsumer: true }],
])
const read = (text: string) => readDeclaration(`_format_version: "3.0"\n${text}`, SCHEMAS, 1_795_451_275)

describe('development gateway: declarative file', () => {
  it('reads entities nested and at the top, and gives them the ids that Kong gives them', () => {
    const { services, routes, consumers, credentials, plugins } = read(`
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
    expect(services.get(service)).to.include({
      name: 'openai',
      host: '127.0.0.1',
      port: 9202,
      path: '/api',
      retries: 5,
    })
    expect(routes.map(({ name, service: of }) => [name, of?.id])).to.deep.equal(
      [
        ['other', service],
        ['buffered', service],
      ].toSorted(),
    )
    expect(consumers.get(consumer)).to.include({ username: 'vk-abc' })
    expect([...credentials].map(([key, { consumer: of }]) => [key, of.id])).to.deep.equal([
      ['one', consumer],
      ['two', consumer],
    ])
    expect(plugins.map(({ scope, config }) => [scope, config])).to.deep.equal([
      [{ route }, { label: 'route' }],
      [{}, { label: 'none' }],
      [{ service, consumer }, { label: 'none' }],
    ])
  })

  const refused: [string, string][] = [
    ['upstreams: [{ name: a }]', "'upstreams' is not supported by the development gateway"],
    [
      'plugins: [{ name: rate-limiting }]',
      "plugin 'rate-limiting' is not supported by the development gateway",
    ],
    [
      'plugins: [{ name: post-function }]',
      "plugin 'post-function' is not supported by the development gateway",
    ],
    ['services: [{ name: a, host: b, hots: c }]', 'services[1].hots: unknown field, or one the development'],
    ['services: [{ name: a }]', 'services[1].host: required field missing'],
    ['services: [{ name: a, url: https://b }]', 'services[1].url: invalid value: https://b'],
    ['services: [{ name: a, host: b, ca_certificates: [] }]', 'services[1].ca_certificates: unknown field'],
    [
      'routes: [{ paths: [/a], headers: { x: [y] } }]',
      'routes[1].headers: unknown field, or one the development',
    ],
    ['routes: [{ paths: [a] }]', 'routes[1].paths[1]: should start with: / (fixed path) or ~/ (regex path)'],
    ['routes: [{ name: a }]', "routes[1]: must set one of 'methods', 'hosts', 'paths'"],
    [
      'routes: [{ paths: [/a], protocols: [https] }]',
      'routes[1].protocols: the development gateway listens for http',
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
      "plugins[1]: plugin 'openid-connect' is not supported by the development gateway, which finds out who calls by key-auth",
    ],
    ['plugins: [{ name: cors }]', "plugins[1]: plugin 'cors' is not supported by the development gateway"],
    ['consumers: [{ username: a }, { username: a }]', `UNIQUE violation detected on '{username="a"}'`],
    ['keyauth_credentials: [{ key: a }]', 'keyauth_credentials[1].consumer: required field missing'],
    ['plugins: [{ name: script, config: { lable: a } }]', 'plugins[1] (script): config.lable: unknown field'],
    ['plugins: [{ name: script, ordering: {} }]', 'plugins[1].ordering: unknown field'],
    ['plugins: [{ name: script }, { name: script }]', 'UNIQUE violation detected: plugin configured twice'],
    ['services: { name: a }', 'services: expected an array'],
    ['_transform: false', '_transform: false is not supported'],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${text}`, () => expect(() => read(text)).to.throw(message))
  }

  it('refuses another format', () => {
    expect(() => readDeclaration('_format_version: "1.1"', SCHEMAS, 0)).to.throw(
      '_format_version: expected "3.0"',
    )
  })

  it('names everything that is wrong at once', () => {
    expect(() => read('services: [{ name: a }]\nroutes: [{ name: b, snis: [c] }]')).to.throw(
      /services\[1\]\.host.*routes\[1\]\.snis.*routes\[1\]: must set/s,
    )
  })
})
