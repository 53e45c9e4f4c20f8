/**
 * Preloaded into a plugin server (`NODE_OPTIONS=--import`): at its end it tells on stderr what it loaded and took, and signals make it
 * fail in ways that its own code should not.
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

// Both kinds of modules pass the debugger when they are parsed; no list of Node's holds both.
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
