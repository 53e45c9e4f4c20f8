import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { Name, Schema, Version } from '../../plugins/virtual-key/index.ts'
import { config } from '../../schema/config.ts'
import { type Fields, kongFields } from '../../schema/fields.ts'
import { ROOT } from '../support/root.ts'

describe('Configuration', () => {
  it('every field has a description that Kong takes: at least ten characters', () => {
    const short = descriptions(config).filter(([, description]) => description.length < 10)
    expect(short).to.deep.equal([])
  })

  it("becomes Kong's list of fields, records and their elements included", () => {
    const [first] = Schema
    expect(first).to.deep.equal({
      alert_threshold: {
        type: 'integer',
        default: 0,
        between: [0, Number.MAX_SAFE_INTEGER],
        description: 'Tokens at which an alert fires; 0 = no alert.',
      },
    })
    const redis = Schema.find((field) => 'redis' in field) as {
      redis: { fields: Array<Record<string, unknown>> }
    }
    expect(redis.redis.fields.map((field) => Object.keys(field)[0])).to.include.members([
      'host',
      'cluster_nodes',
    ])
    const nodes = redis.redis.fields.find((field) => 'cluster_nodes' in field) as {
      cluster_nodes: { elements: { fields: unknown } }
    }
    expect(nodes.cluster_nodes.elements.fields).to.be.an('array')
    expect(kongFields({})).to.deep.equal([])
  })

  it('secrets are marked for vaults and for encryption', () => {
    expect(config.webhook.fields.secrets.elements).to.include({ referenceable: true, encrypted: true })
    expect(config.redis.fields.password).to.include({ referenceable: true, encrypted: true })
    expect(config.alert_webhook).to.include({ referenceable: true })
  })

  it('the plugin says the version of the package', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect({ name: Name, version: Version }).to.deep.equal({ name: manifest.name, version: manifest.version })
  })
})

function descriptions(fields: Fields, path = ''): Array<[path: string, description: string]> {
  return Object.entries(fields).flatMap(([name, field]) => {
    const here: [string, string] = [`${path}${name}`, field.description]
    return field.type === 'record' ? [here, ...descriptions(field.fields, `${path}${name}.`)] : [here]
  })
}
