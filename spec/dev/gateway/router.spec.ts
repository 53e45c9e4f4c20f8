import { expect } from 'chai'
import { upstreamPath } from '../../../dev/gateway/access.ts'
import type { Route } from '../../../dev/gateway/entities.ts'
import { normalizedPath } from '../../../dev/gateway/exchange.ts'
import { createRouter } from '../../../dev/gateway/router.ts'

const route = (id: string, attributes: Partial<Route>) => ({ id, regex_priority: 0, ...attributes })

describe('development gateway: router', () => {
  const router = createRouter([
    route('prefix', { paths: ['/v1'] }),
    route('longer', { paths: ['/v1/chat'] }),
    route('regex', { paths: ['~/v1/models/(?<id>[^/]+)$'] }),
    route('regex first', { paths: ['~/v1/models/special'], regex_priority: 1 }),
    route('post', { paths: ['/v1'], methods: ['POST'] }),
    route('host', { paths: ['/v1'], hosts: ['api.example.com'] }),
    route('wildcard', { paths: ['/v1'], hosts: ['*.example.com'] }),
    route('method only', { methods: ['PATCH'] }),
  ])
  const cases: [string, string, string, string | undefined][] = [
    ['GET', 'a', '/v1/x', 'prefix'],
    ['GET', 'a', '/v1/chat/completions', 'longer'],
    ['GET', 'a', '/v1/models/gpt', 'regex'],
    ['GET', 'a', '/v1/models/gpt/more', 'prefix'],
    ['GET', 'a', '/v1/models/special', 'regex first'],
    ['POST', 'a', '/v1/chat', 'post'],
    ['GET', 'api.example.com', '/v1/chat', 'host'],
    ['GET', 'API.example.com:8000', '/v1', 'host'],
    ['GET', 'other.example.com', '/v1', 'wildcard'],
    ['PATCH', 'a', '/anything', 'method only'],
    ['GET', 'a', '/v2', undefined],
  ]
  for (const [method, host, path, id] of cases) {
    it(`${method} ${host} ${path} → ${id ?? 'no route'}`, () => {
      expect(router(method, host, path)?.route.id).to.equal(id)
    })
  }

  it('says which part of the path a route matched', () => {
    expect(router('GET', 'a', '/v1/models/gpt')).to.include({ prefix: '/v1/models/gpt', rest: '' })
    expect(router('GET', 'a', '/v1/x')).to.include({ prefix: '/v1', rest: '/x' })
  })
})

describe('development gateway: paths', () => {
  for (const [given, normal] of [
    ['/a/../b', '/b'],
    ['/a//b/./c', '/a/b/c'],
    ['/../..', '/'],
    ['/a/%2e%2E/b', '/b'],
    ['/a%2fb', '/a%2Fb'],
    ['/%61/', '/a/'],
    ['/', '/'],
  ] as const) {
    it(`${given} is routed as ${normal}`, () => expect(normalizedPath(given)).to.equal(normal))
  }

  for (const [base, path, rest, expected] of [
    [undefined, '/b/x', '/x', '/x'],
    [undefined, '/b', '', '/'],
    [undefined, '/bar', 'ar', '/ar'],
    ['/api', '/b', '', '/api'],
    ['/api', '/b/', '/', '/api/'],
    ['/api/', '/b', '', '/api'],
    ['/api/', '/b/x', '/x', '/api/x'],
    ['/api', '/b/x', undefined, '/api/b/x'],
    ['/api/', '/b/x', undefined, '/api/b/x'],
    ['/api', '/', undefined, '/api'],
  ] as const) {
    it(`service path ${base}, request ${path}, left ${rest} → ${expected}`, () => {
      expect(upstreamPath(base, path, rest)).to.equal(expected)
    })
  }
})
