/**
 * Preloaded into a plugin server (`NODE_OPTIONS=--require`): at its end it tells on stderr what it loaded and took, and signals make it
 * fail in ways that its own code should not.
 */
import { writeSync } from 'node:fs'

export interface ProcessReport {
  /** npm packages of which at least one file was loaded. */
  readonly packages: readonly string[]
  /** User and system time together, in milliseconds. */
  readonly cpu: number
  /** Largest resident set, in megabytes. */
  readonly memory: number
}

const PACKAGE = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/

process.on('exit', () => {
  const found = Object.keys(require.cache).map((file) => PACKAGE.exec(file)?.[1])
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const report: ProcessReport = {
    packages: [...new Set(found)].filter((name) => name !== undefined).sort(),
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
