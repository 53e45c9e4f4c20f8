#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { lineLog } from '../plugins/virtual-key/telemetry/log.ts'
import { safeLine, safeText } from '../plugins/virtual-key/telemetry/safe-text.ts'
import { addAlerts } from './commands/alerts.ts'
import { addDispatch } from './commands/dispatch.ts'
import { addDoctor } from './commands/doctor.ts'
import { addKeys } from './commands/keys.ts'
import { addMigrate } from './commands/migrate.ts'
import { addPlugin } from './commands/plugin.ts'
import { addTap } from './commands/tap.ts'
import { addUsage } from './commands/usage.ts'
import { Failure } from './failure.ts'

/** The `vk` command. Results go to stdout, everything else to stderr; exit codes as in failure.ts. */

// Whatever a command prints may hold texts of others, JSON and YAML too, in which the escapes mean the same.
const print = (text: string) => void process.stdout.write(`${safeText(text)}\n`)
const log = lineLog((line) => process.stderr.write(line))

// Whoever reads has seen enough, as with `vk keys list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const program = new Command('vk')
  .description('virtual-key: keys, their usage and alerts, and what else the Kong plugin needs from outside')
  .showHelpAfterError('(see vk --help)')
  .configureOutput({ writeErr: (text) => process.stderr.write(safeText(text)) })
  // Before the commands, which inherit it.
  .exitOverride()
addKeys(program, log, print)
addUsage(program, log, print)
addPlugin(program, log, print)
addTap(program, print)
addAlerts(program, log, print)
addDispatch(program, print)
addMigrate(program, log, print)
addDoctor(program, print)

program.parseAsync().catch((error: Error) => {
  // Commander has said what was wrong already; help and version are no failure.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2
    return
  }
  process.stderr.write(`vk: ${safeLine(error.message)}\n`)
  process.exitCode = error instanceof Failure ? error.exitCode : 1
})
