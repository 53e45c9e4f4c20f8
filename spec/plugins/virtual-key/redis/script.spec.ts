import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { MIGRATION_SCRIPTS } from '../../../../migrations/scripts.ts'
import { linesOf, SCRIPTS } from '../../../../plugins/virtual-key/redis/script.ts'
import { ROOT } from '../../../support/root.ts'

/** Where the code that runs finds its Lua: beside the compiled files. */
const DIST = join(ROOT, 'dist')

describe('Scripts', () => {
  const scripts = [...SCRIPTS.files, ...MIGRATION_SCRIPTS.files]

  it('are made of all the Lua that there is, and of nothing else', () => {
    const used = new Set(
      scripts.flatMap(([, files]) => linesOf(files).map(({ file }) => relative(DIST, fileURLToPath(file)))),
    )
    const folders = ['plugins/virtual-key/redis/scripts', 'migrations/scripts', 'migrations/steps']
    const found = folders.flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true })
        .map((name) => join(folder, String(name)))
        .filter((file) => file.endsWith('.lua')),
    )
    expect([...used].sort()).to.deep.equal(found.sort())
  })

  it('begin with their contract', () => {
    for (const [name, files] of scripts) {
      const text = linesOf(files)
        .map((line) => line.text)
        .join('\n')
      expect(text, name).to.match(/^--- /)
      for (const part of ['--- KEYS', '--- ARGV', '--- Reply']) expect(text, name).to.include(part)
    }
  })
})
