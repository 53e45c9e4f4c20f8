import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../support/root.ts'

/** In scripts/, which is not compiled. */
const SCRIPT = join(ROOT, 'scripts', 'check-imports.mjs')

/** Calls `use` with the folder of a project that holds these files. */
function inProject<T>(files: Readonly<Record<string, string>>, use: (root: string) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'virtual-key-imports-'))
  try {
    const all = { 'package.json': '{"dependencies":{"ioredis":"^6.0.0"}}', ...files }
    for (const [name, text] of Object.entries(all)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    return use(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe('The check of imports', () => {
  let violations: (root: string) => string[]

  before(async () => {
    const module = (await import(SCRIPT)) as { violations: (root: string) => string[] }
    violations = module.violations
  })

  it('prints what it finds and ends with 1', () => {
    const files = { 'cli/a.ts': "import './b.ts'", 'cli/b.ts': "import './a.ts'" }
    const { status, stderr } = inProject(files, (root) => {
      return spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' })
    })
    expect({ status, stderr }).to.deep.equal({
      status: 1,
      stderr: 'circle: cli/a.ts → cli/b.ts → cli/a.ts\n',
    })
  })

  it('finds nothing in files that import downhill', () => {
    const files = {
      'schema/config.ts': 'export interface Config {}',
      'plugins/virtual-key/redis/names.ts': 'export const counter = `vk:{3}:c`',
      'plugins/virtual-key/metering/meter.ts':
        "import { Redis } from 'ioredis'\nimport type { Config } from '../../../schema/config.ts'\nimport '../redis/names.ts'",
      'cli/main.ts': "import '../plugins/virtual-key/metering/meter.ts'",
      'spec/meter.spec.ts': "import 'chai'\nimport '../cli/main.ts'",
    }
    expect(inProject(files, violations)).to.deep.equal([])
  })

  for (const [what, files, line] of [
    [
      'a circle of types only',
      { 'cli/a.ts': "import type { B } from './b.ts'", 'cli/b.ts': "export type { A } from './a.ts'" },
      'circle: cli/a.ts → cli/b.ts → cli/a.ts',
    ],
    [
      'a circle through import()',
      { 'cli/a.ts': "export const b = () => import('./b.ts')", 'cli/b.ts': "import './a.ts'" },
      'circle: cli/a.ts → cli/b.ts → cli/a.ts',
    ],
    [
      'a folder that imports back',
      {
        'plugins/virtual-key/redis/script.ts': "import type { Meter } from '../metering/meter.ts'",
        'plugins/virtual-key/metering/meter.ts': '',
      },
      'plugins/virtual-key/redis/script.ts imports plugins/virtual-key/metering/meter.ts, against the direction',
    ],
    [
      'a contract that imports the plugin',
      { 'schema/config.ts': "import '../plugins/virtual-key/index.ts'", 'plugins/virtual-key/index.ts': '' },
      'schema/config.ts imports plugins/virtual-key/index.ts, against the direction',
    ],
    [
      'two folders of one row that import each other',
      {
        'plugins/virtual-key/admission/admit.ts': "import '../metering/meter.ts'",
        'plugins/virtual-key/metering/meter.ts': "import '../admission/denial.ts'",
        'plugins/virtual-key/admission/denial.ts': '',
      },
      'folders import each other: admission metering',
    ],
    [
      'a package that is installed for developers only',
      { 'cli/main.ts': "import { expect } from 'chai'" },
      'cli/main.ts imports chai, which is not among the dependencies',
    ],
    [
      'a file name that stands twice in the plugin',
      { 'plugins/virtual-key/outbox/settle.ts': '', 'plugins/virtual-key/metering/settle.ts': '' },
      'settle.ts stands twice: plugins/virtual-key/metering/settle.ts, plugins/virtual-key/outbox/settle.ts',
    ],
    [
      'a name of Redis outside the file of names',
      { 'migrations/walk.ts': "export const pattern = 'vk:{*'" },
      'migrations/walk.ts spells a name of Redis, which plugins/virtual-key/redis/names.ts does',
    ],
  ] as const) {
    it(`finds ${what}`, () => {
      expect(inProject(files, violations)).to.deep.equal([line])
    })
  }
})
