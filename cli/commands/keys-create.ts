import type { Command } from 'commander'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, redisConfig, withConnection } from '../options/connection.ts'
import { OR_STDIN } from '../options/input-file.ts'
import { checkId, type KeyOptions, settingsFrom, withKeySettings } from '../options/key-options.ts'
import { keySecret } from '../options/key-secret.ts'
import { secondsFrom } from '../options/time.ts'
import type { AdminApi } from '../provisioning/admin-api.ts'
import {
  adminFrom,
  type Provisioning,
  type RegistryChoice,
  withProvisioning,
  withRegistryChoice,
} from '../provisioning/admin-options.ts'
import { applying } from '../provisioning/applying.ts'
import { createNotes, remarksOn } from '../provisioning/create-notes.ts'
import { createPlan, type KongState } from '../provisioning/create-plan.ts'
import { execute } from '../provisioning/execute.ts'
import { named, readConsumer, readGateway } from '../provisioning/kong-state.ts'
import { joined } from '../provisioning/plan.ts'
import { rateCounter } from '../provisioning/rate-limit-plan.ts'
import { readRegistry, registryWrites } from '../provisioning/registry-state.ts'

type CreateOptions = ConnectionOptions &
  Provisioning &
  KeyOptions &
  RegistryChoice & { readonly ttl?: string; readonly keyFile?: string }

/** `vk keys create`: makes the consumer, credential and settings of a virtual key, in Kong and in the registry. */
export function addKeysCreate(keys: Command, context: CommandContext): void {
  const create = withConnection(keys.command('create'))
    .description(
      'creates a virtual key: its settings, and with --admin-url its consumer and credential in Kong. The command can be repeated',
    )
    .argument('<id>', 'the key id, which is also the username of its consumer')
    .option('--ttl <90d|12h|30m>', 'how long the credential is valid')
    .option(
      '--key-file <file>',
      `reads the secret key from a file (${OR_STDIN}); without it, a random one is made and shown once`,
    )
  withRegistryChoice(
    withProvisioning(withKeySettings(create)),
    'keeps the settings in a plugin of the consumer',
  ).action(async (id: string, options: CreateOptions) => {
    checkId(id)
    if (options.keyFile === '-' && options.alertWebhookFile === '-')
      throw new Failure('only one of --key-file and --alert-webhook-file can be stdin', 2)
    const settings = await settingsFrom(options, Date.now(), context)
    const ttl = options.ttl === undefined ? {} : { ttl: secondsFrom('--ttl', options.ttl) }
    const api = adminFrom(options, context)
    if (api === undefined) checkAlone(options)
    const wanted = { id, settings, ...ttl, secret: await keySecret(options.keyFile, context) }
    const kong = api && (await readKong(api, id, options))
    const inRegistry =
      options.registry ?? (kong === undefined || kong.applying.some(({ config }) => config.registry === true))
    const finish = async (redis: Connection | undefined) => {
      const registry = redis && (await readRegistry(redis, id))
      const here = redis ? { redis: redisConfig(options, context.env) } : {}
      const chosen = options.registry !== undefined
      const notes = createNotes({ settings, registry, kong, here, chosen })
      const plan = joined(createPlan(wanted, registry, kong), { changes: [], kept: [], notes })
      const clients = {
        ...(api ? { api } : {}),
        ...(redis ? { registry: registryWrites(redis, context.log) } : {}),
        secret: wanted.secret,
      }
      await execute(plan, clients, options, context)
    }
    await (inRegistry ? connected(options, context, finish) : finish(undefined))
  })
}

/** @throws Failure for what needs Kong */
function checkAlone({ ttl, keyFile, registry }: CreateOptions): void {
  const [first] = [
    ...(ttl === undefined ? [] : ['--ttl']),
    ...(keyFile === undefined ? [] : ['--key-file']),
    ...(registry === false ? ['--no-registry'] : []),
  ]
  if (first !== undefined) throw new Failure(`${first} is about Kong: give --admin-url too`, 2)
}

async function readKong(
  api: AdminApi,
  id: string,
  { service: name, registry }: Pick<CreateOptions, 'service' | 'registry'>,
): Promise<KongState> {
  const [gateway, state] = await Promise.all([readGateway(api), readConsumer(api, id)])
  const service = typeof name === 'string' ? named('service', gateway.services, name) : undefined
  const found = applying(gateway, service, state.consumer && { id: state.consumer.id, name: id })
  return {
    ...state,
    applying: found,
    rateCounter: rateCounter(applying(gateway, service)),
    service: service && (service.name ?? service.id),
    remarks: remarksOn(gateway, service, found, registry === true),
  }
}
