import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { parse } from 'yaml'
import { tapLines } from '../../../cli/commands/tap.ts'
import { tapLua } from '../../../plugins/virtual-key/metering/tap/lua.ts'
import { ROOT } from '../../support/root.ts'

describe('vk tap', () => {
  it('prints the entry of a plugins list that holds the Lua as it is', () => {
    const [entry] = parse(tapLines()) as [{ name: string; config: Record<string, string[]> }]
    expect(entry.name).to.equal('post-function')
    expect(Object.keys(entry.config)).to.deep.equal(['access', 'body_filter', 'log'])
    for (const [phase, lua] of Object.entries(tapLua)) {
      expect(entry.config[phase]?.map((code) => code.trim())).to.deep.equal([lua.trim()])
    }
  })

  it('kong.yml has exactly these lines on its streaming route', () => {
    expect(readFileSync(join(ROOT, 'kong.yml'), 'utf8')).to.contain(tapLines(10))
  })
})
