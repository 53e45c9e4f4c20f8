import { once } from 'node:events'
import type { Command } from 'commander'
import { newProcessId } from '../../plugins/virtual-key/metering/usage-settler.ts'
import { Dispatcher } from '../../plugins/virtual-key/outbox/dispatcher.ts'
import { SCHEDULE, scheduleFrom } from '../../plugins/virtual-key/outbox/outcome.ts'
import { Sender } from '../../plugins/virtual-key/outbox/send.ts'
import { connect } from '../../plugins/virtual-key/redis/connection.ts'
import { type Log, lineLog } from '../../plugins/virtual-key/telemetry/log.ts'
import { Metrics } from '../../plugins/virtual-key/telemetry/metrics.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, redisConfig, withConnection } from '../options/connection.ts'
import { VariableOption } from '../options/environment.ts'
import { secretsFrom, withSecretFile } from '../options/secrets.ts'

interface DispatchOptions extends ConnectionOptions {
  readonly secretFile?: string
  readonly schedule?: string
}

/** How long attempts under way may go on after the signal to stop. Unit: milliseconds. */
const TIMEOUT = 8000

/** `vk dispatch`: delivers alerts, together with the plugin servers or while none runs. */
export function addDispatch(program: Command, context: CommandContext): void {
  withSecretFile(withConnection(program.command('dispatch')))
    .description(
      'delivers alerts until it gets SIGTERM or SIGINT; it needs the signing secrets, because Redis does not hold them',
    )
    .addOption(
      new VariableOption(
        '--schedule <times>',
        'pauses between the attempts, such as 5s,5m,2h',
        'VIRTUAL_KEY_RETRY_SCHEDULE',
      ),
    )
    .action(async (options: DispatchOptions) => {
      const signers = await secretsFrom(options.secretFile, context)
      const schedule = options.schedule === undefined ? SCHEDULE : readSchedule(options.schedule)
      const log: Log = lineLog((line) => context.print(line.trimEnd()))
      const { redis } = connect(redisConfig(options, context.env), log)
      const sender = new Sender(Date.now)
      const metrics = new Metrics()
      const dispatcher = new Dispatcher({
        redis,
        consumer: newProcessId(),
        sender,
        signers,
        metrics,
        log,
        clock: Date.now,
        random: Math.random,
        schedule,
      })
      const stop = context.stopSignal()
      dispatcher.start()
      log.info(`dispatching, process ${process.pid}`)
      if (!signers.some) {
        log.warn(
          'no signing secret is given (--secret-file or VIRTUAL_KEY_SECRETS): only alerts of configurations without secrets are delivered, the others wait',
        )
      }
      if (!stop.aborted) await once(stop, 'abort')
      await dispatcher.stop(TIMEOUT)
      redis.disconnect()
      await sender.close()
      log.info(`stopped; counters ${metrics}`)
    })
}

function readSchedule(text: string): number[] {
  try {
    return scheduleFrom(text)
  } catch (cause) {
    throw new Failure((cause as Error).message, 2, { cause })
  }
}
