import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { OR_STDIN } from '../options/input-file.ts'
import { keySecret } from '../options/key-secret.ts'
import { secondsFrom } from '../options/time.ts'
import { json } from '../output/text.ts'
import { adminFrom, type Provisioning, withProvisioning } from '../provisioning/admin-options.ts'
import { rotationPlan } from '../provisioning/credential-plan.ts'
import { execute } from '../provisioning/execute.ts'
import { readConsumer } from '../provisioning/kong-state.ts'

interface RotateOptions extends Provisioning {
  readonly overlap: string
  readonly ttl?: string
  readonly keyFile?: string
}

/** `vk keys rotate`: makes a new credential for the same consumer; key id, settings and totals stay. */
export function addKeysRotate(keys: Command, context: CommandContext): void {
  const rotate = keys
    .command('rotate')
    .description(
      'creates a new credential; the old ones stay valid for the overlap. Key id, settings and totals stay',
    )
    .argument('<id>', 'the key id')
    .option('--overlap <24h|30m|0>', 'how long the old credentials stay valid; 0 removes them at once', '24h')
    .option('--ttl <90d|12h|30m>', 'how long the new credential is valid')
    .option(
      '--key-file <file>',
      `reads the new secret key from a file (${OR_STDIN}); without it, a random one is made and shown once`,
    )
  withProvisioning(rotate).action(async (id: string, options: RotateOptions) => {
    const overlap = secondsFrom('--overlap', options.overlap, 0)
    const ttl = options.ttl === undefined ? {} : { ttl: secondsFrom('--ttl', options.ttl) }
    const api = adminFrom(options, context)
    if (api === undefined) throw new Failure('credentials are in Kong: give --admin-url', 2)
    const secret = await keySecret(options.keyFile, context)
    const state = await readConsumer(api, id)
    if (state.consumer === undefined)
      throw new Failure(`Kong has no consumer ${json(id)}: vk keys create makes it`)
    await execute(rotationPlan({ id, secret, overlap, ...ttl }, state), { api, secret }, options, context)
  })
}
