import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { configTable, withConfigTable } from '../../dev/config-table.ts'
import { ROOT } from '../support/root.ts'

describe('The table of docs/configuration.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'configuration.md'), 'utf8')

  it('says what the schema says; `npm run docs` writes it', () => {
    expect(withConfigTable(page)).to.equal(page)
  })

  it('names every field, those of records by their path', () => {
    for (const field of ['`alert_threshold`', '`webhook.secrets`', '`redis.cluster_nodes`']) {
      expect(configTable()).to.contain(field)
    }
  })
})
