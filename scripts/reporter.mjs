import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import mocha from 'mocha'

const { Base } = mocha.reporters

/**
 * mocha's reporter for files that run side by side: one line when a file is done, and at the end what failed, and how to run it alone.
 * Options: `label`, which starts every line; `times`, a JSON file of seconds by source file, for the run that starts the longest files first.
 */
export default class FileReporter extends Base {
  constructor(runner, options) {
    super(runner, options)
    const { label = '', times } = options.reporterOptions ?? {}
    const seconds = {}
    const failed = new Set()
    // mocha reports all events of a file at once, when its worker has finished it.
    const nothing = { name: '', milliseconds: 0, pass: 0, fail: 0, pending: 0 }
    let file = { ...nothing }
    runner.on('suite', (suite) => {
      if (suite.root) file = { ...nothing }
    })
    for (const kind of ['pass', 'fail', 'pending'])
      runner.on(kind, (runnable) => {
        file[kind]++
        // A hook outside every suite has no file.
        file.name ||= runnable.file ? sourceOf(runnable.file) : ''
      })
    for (const kind of ['test end', 'hook end'])
      runner.on(kind, ({ duration = 0 }) => {
        file.milliseconds += duration
      })
    runner.on('suite end', (suite) => {
      if (!suite.root || file.name === '') return
      seconds[file.name] = file.milliseconds / 1000
      if (file.fail > 0) failed.add(file.name)
      const mark = file.fail ? Base.color('fail', '✗') : Base.color('checkmark', '✓')
      const counts = [
        `${file.pass} passed`,
        file.fail > 0 && `${file.fail} FAILED`,
        file.pending > 0 && `${file.pending} skipped`,
      ]
      const time = seconds[file.name].toFixed(1).padStart(5)
      Base.consoleLog(`${label}${mark} ${time} s  ${file.name}: ${counts.filter(Boolean).join(', ')}`)
    })
    runner.on('end', () => {
      this.epilogue()
      for (const name of failed) Base.consoleLog(`  to run it alone: npm run test:one -- ${name}`)
      if (times) remember(times, seconds)
    })
  }
}

const sourceOf = (file) => relative('dist', file).replace(/\.js$/, '.ts')

function remember(file, seconds) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify({ ...remembered(file), ...seconds }, undefined, 1))
}

/** Seconds that spec files took in their last run; empty if none has run. */
export function remembered(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
}
