import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { request } from 'undici'
import type { Shapes } from '../../../schema/fields.ts'
import { BUNDLED } from '../../../schema/kong/plugins.ts'
import { AdminApiDouble } from '../../support/admin-api.ts'
import { ROOT } from '../../support/root.ts'

const FILE = join(process.env.VIRTUAL_KEY_SHARED ?? resolve(ROOT, '../shared'), 'kong', 'admin-api.json')

interface Exchange {
  readonly name: string
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown }
  readonly response: {
    readonly status: number
    readonly headers: { readonly 'content-type': string | null }
    readonly body: unknown
  }
}

interface Drawn {
  readonly id?: string
  readonly key?: string
  readonly created_at?: number
}

/** The plugin that the recorded Kong had. */
const PROBE: Shapes = {
  mode: { default: 'response', type: 'string', one_of: ['response', 'tapped'] },
  alert_webhook: { type: 'string', match: '^https?://' },
  alert_threshold: { between: [0, 9007199254740991], default: 0, type: 'integer' },
}

describe('the double of the Admin API: exchanges recorded from Kong 3.9.1, in VIRTUAL_KEY_SHARED or ../shared', () => {
  let double: AdminApiDouble
  let exchanges: Exchange[]

  before(async function () {
    try {
      exchanges = JSON.parse(readFileSync(FILE, 'utf8'))
    } catch {
      // Shows as pending, with the suite's name saying what is missing.
      this.skip()
    }
    // What Kong drew at random is drawn from the recording, so that everything is the same, offsets too.
    const drawn = exchanges.filter(firstSeen()).map(({ response }) => response.body as Drawn)
    const ids = drawn.map(({ id = '' }) => id)
    const keys = exchanges.flatMap(({ request: { body }, response }) => {
      const { key } = (response.body ?? {}) as Drawn
      return response.status === 201 && key && !(body as Drawn).key ? [key] : []
    })
    let now = (drawn[0]?.created_at ?? 0) * 1000
    double = await AdminApiDouble.start({
      plugins: {
        'key-auth': BUNDLED['key-auth'],
        probe: { version: '0.1.0', priority: 900, fields: PROBE },
      },
      // Time passes, if little: a ttl that was just set is a second less at once.
      clock: () => now++,
      id: () => ids.shift() ?? 'no further id was recorded',
      key: () => keys.shift() ?? 'no further key was recorded',
    })
    double.version = '3.9.1'
    // The recording leaves it out.
    double.hostname = undefined
  })

  after(async () => {
    await double?.stop()
  })

  it('answers all of them as Kong did, in order', async () => {
    expect(exchanges).to.have.length.greaterThan(30)
    for (const { name, request: asked, response: recorded } of exchanges) {
      if (name.includes('DB-less')) double.database = 'off'
      const { statusCode, headers, body } = await request(`${double.url}${asked.path}`, {
        method: asked.method,
        headers: { 'content-type': 'application/json' },
        body: asked.body === undefined ? null : JSON.stringify(asked.body),
      })
      const text = await body.text()
      const answer = {
        status: statusCode,
        headers: { 'content-type': headers['content-type'] ?? null },
        body: text === '' ? '' : JSON.parse(text),
      }
      expect(answer, name).to.deep.equal(recorded)
    }
  })
})

/** Whether an exchange shows an entity for the first time: then it was created. */
function firstSeen(): (exchange: Exchange) => boolean {
  const seen = new Set<string>()
  return ({ response: { body } }) => {
    const { id } = (body ?? {}) as Drawn
    if (id === undefined || seen.has(id)) return false
    seen.add(id)
    return true
  }
}
