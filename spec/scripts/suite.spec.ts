import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../support/root.ts'

const MOCHA = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js')
const REPORTER = join(ROOT, 'scripts', 'reporter.mjs')
/** A spec file beside the one that fails, because mocha runs a single one in another way. */
const GOOD = "it('passes', () => undefined)"

/** Runs spec files side by side, as `npm run test:specs` does. */
function run(files: Readonly<Record<string, string>>): {
  readonly code: number | null
  readonly output: string
} {
  const folder = mkdtempSync(join(tmpdir(), 'virtual-key-suite-'))
  try {
    const paths = Object.entries(files).map(([name, text]) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    })
    const options = ['--parallel', '--jobs', '2', '--reporter', REPORTER]
    const { status, stdout } = spawnSync(process.execPath, [MOCHA, ...options, ...paths], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    return { code: status, output: stdout }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('The suite', function () {
  this.timeout(120_000)

  const bad: Readonly<Record<string, readonly [string, string]>> = {
    'throws when it is loaded': ["throw new Error('at load')", 'Error: at load'],
    'ends its process': ["it('ends', () => process.exit(0))", 'terminated Unexpectedly'],
    'has an example that runs alone': ["it.only('alone', () => undefined)", '`.only` is not supported'],
    'leaves a rejection that nobody handles': [
      "it('rejects', () => { Promise.reject(new Error('unseen')) }); it('next', () => new Promise(setImmediate))",
      'Error: unseen',
    ],
    'has a hook of its own that fails first': [
      "before(() => { throw new Error('at set-up') }); it('never runs', () => undefined)",
      'Error: at set-up',
    ],
  }
  for (const [what, [text, message]] of Object.entries(bad))
    it(`fails where a file ${what}, says why, and counts the others`, () => {
      const { code, output } = run({ 'bad.cjs': text, 'good.cjs': GOOD })
      expect(code).to.be.greaterThan(0)
      expect(output)
        .to.include(message)
        .and.match(/✓ .*good\.cjs: 1 passed/)
      expect(output)
        .to.match(/^ +[12] failing$/m)
        .and.not.include('TypeError')
    })

  it('passes where every file does', () => {
    expect(run({ 'one.cjs': GOOD, 'two.cjs': GOOD }).code).to.equal(0)
  })
})
