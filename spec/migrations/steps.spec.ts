import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { STEPS } from '../../migrations/index.ts'
import { SCHEMA_VERSION } from '../../plugins/virtual-key/redis/schema-version.ts'
import { ROOT } from '../support/root.ts'

describe('Steps of the Redis schema', () => {
  const names = STEPS.map(({ name }) => name)

  it('are all the files there are, in the order of their numbers', () => {
    const files = readdirSync(join(ROOT, 'migrations', 'steps')).sort()
    expect(names.map((name) => `${name}.lua`)).to.deep.equal(files)
  })

  it('are numbered from 1 without a gap', () => {
    const numbers = names.map((name) => /^(\d{3})_[a-z_]+$/.exec(name)?.[1])
    expect(numbers).to.deep.equal(names.map((_, i) => String(i + 1).padStart(3, '0')))
  })

  it('begin with those that were released, which never change', () => {
    expect(names.slice(0, 2)).to.deep.equal(['001_virtual_keys', '002_virtual_key_alert'])
  })

  it('lead to the schema that the plugin and the registry know', () => {
    expect(STEPS.length).to.equal(SCHEMA_VERSION)
  })
})
