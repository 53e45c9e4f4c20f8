import { Command, CommanderError } from 'commander'
import { safeLine, safeText } from '../plugins/virtual-key/telemetry/safe-text.ts'
import { addAlerts } from './commands/alerts.ts'
import { addDispatch } from './commands/dispatch.ts'
import { addDoctor } from './commands/doctor.ts'
import { addKeys } from './commands/keys.ts'
import { addMigrate } from './commands/migrate.ts'
import { addPlugin } from './commands/plugin.ts'
import { addTap } from './commands/tap.ts'
import { addUsage } from './commands/usage.ts'
import { type CommandContext, contextOf, type Io } from './context.ts'
import { type ExitCode, Failure } from './failure.ts'
import { takeFromEnvironment, withVariable } from './options/environment.ts'

/** Width of help texts without a terminal. Unit: characters. */
const WIDTH = 80

/**
 * One run of `vk`. Besides `io` it uses only files, Redis and the network. When it has ended it has closed everything that it opened, so
 * that one process can run it many times.
 * @param argv the arguments, without the names of the interpreter and the program
 * @example process.exitCode = await program(['keys', 'list'], io)
 */
export async function program(argv: readonly string[], io: Io): Promise<ExitCode> {
  const closers: Array<() => unknown> = []
  try {
    await commands(contextOf(io, closers), io).parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    // Commander has already written its message; asking for help is not a failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    io.stderr.write(`vk: ${safeLine((error as Error).message)}\n`)
    return error instanceof Failure ? error.exitCode : 1
  } finally {
    for (const close of closers) await close()
  }
}

/** Every command, for one run of it. @param io where commander writes help and errors */
export function commands(context: CommandContext, { env, stdout, stderr }: Omit<Io, 'stdin'>): Command {
  const vk = new Command('vk')
    .description(
      'manages virtual keys, their usage and their alerts, and sets up and checks the Kong plugin virtual-key',
    )
    .showHelpAfterError('(see vk --help)')
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(safeText(text)),
      getOutHelpWidth: () => stdout.columns ?? WIDTH,
      getErrHelpWidth: () => stderr.columns ?? WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ optionDescription: withVariable })
    // Before the commands, which inherit all of this.
    .exitOverride()
    .hook('preAction', (_, command) => takeFromEnvironment(command, env))
  addKeys(vk, context)
  addUsage(vk, context)
  addPlugin(vk, context)
  addTap(vk, context)
  addAlerts(vk, context)
  addDispatch(vk, context)
  addMigrate(vk, context)
  addDoctor(vk, context)
  return vk
}
