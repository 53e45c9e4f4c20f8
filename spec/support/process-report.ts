/**
 * Preloaded into a plugin server (`NODE_OPTIONS=--import`): at its end it reports on stderr what it loaded and which resources it used, and
 * on signals it fails in ways in which its own code should not.
 */
import { writeSync } from 'node:fs'
import { Session } from 'node:inspector'

export interface ProcessReport {
  /** npm packages of which at least one file was loaded. */
  readonly packages: readonly string[]
  /** User and system time together, in milliseconds. */
  readonly cpu: number
  /** Largest resident set, in megabytes. */
  readonly memory: number
}

const PACKAGE = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/

// The debugger reports both kinds of modules when they are parsed; Node has no list of both.
const found = new Set<string | undefined>()
const session = new Session()
session.connect()
session.on('Debugger.scriptParsed', ({ params }) => found.add(PACKAGE.exec(params.url)?.[1]))
session.post('Debugger.enable')

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const report: ProcessReport = {
    packages: [...found].filter((name) => name !== undefined).sort(),
    cpu: (userCPUTime + systemCPUTime) / 1000,
    memory: maxRSS / 1024,
  }
  writeSync(2, `\nREPORT ${JSON.stringify(report)}\n`)
})

process.on('SIGUSR2', () => {
  setImmediate(() => {
    throw new Error('thrown for a spec')
  })
})
process.on('SIGURG', () => void Promise.reject(new Error('rejected for a spec')))
