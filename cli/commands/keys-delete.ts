import type { Command } from 'commander'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey } from '../../plugins/virtual-key/registry/keys.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { json } from '../output/text.ts'
import {
  adminFrom,
  type Provisioning,
  type RegistryChoice,
  withProvisioning,
  withRegistryChoice,
} from '../provisioning/admin-options.ts'
import { deletePlan } from '../provisioning/delete-plan.ts'
import { execute } from '../provisioning/execute.ts'
import { readConsumer, readGateway } from '../provisioning/kong-state.ts'
import { joined } from '../provisioning/plan.ts'
import { registryWrites } from '../provisioning/registry-state.ts'

type DeleteOptions = ConnectionOptions & Provisioning & RegistryChoice & { readonly yes?: boolean }

/** `vk keys delete`: deletes everything that `vk` made for a key. */
export function addKeysDelete(keys: Command, context: CommandContext): void {
  const command = withConnection(keys.command('delete'))
    .description(
      'removes a key from the registry, and with --admin-url everything that vk has made for it in Kong',
    )
    .argument('<id>', 'the key id')
    .option('--yes', 'deletes; without it, the command only prints what it would delete')
  withRegistryChoice(withProvisioning(command), 'does not touch the registry').action(
    async (id: string, options: DeleteOptions) => {
      const api = adminFrom(options, context)
      if (api === undefined && options.registry === false)
        throw new Failure('--no-registry without --admin-url leaves nothing', 2)
      const kong = api && (await readConsumer(api, id))
      const inRegistry = options.registry ?? (api === undefined || (await usesRegistry(api)))
      const finish = async (redis: Connection | undefined) => {
        const record = redis && (await readKey(redis, id))
        if (record === undefined && kong?.consumer === undefined)
          throw new Failure(
            `there is no key ${json(id)}: ${absence(redis !== undefined, kong !== undefined)}`,
          )
        const plan = joined(deletePlan(id, record, kong), {
          changes: [],
          kept: [],
          notes: options.registry === undefined ? leftOut(redis !== undefined, kong !== undefined) : [],
        })
        const clients = {
          ...(api ? { api } : {}),
          ...(redis ? { registry: registryWrites(redis, context.log) } : {}),
        }
        const dryRun = options.dryRun === true || options.yes !== true
        await execute(plan, clients, { ...options, dryRun }, context)
        if (plan.changes.length > 0 && options.dryRun !== true && options.yes !== true)
          throw new Failure('nothing was deleted: repeat the command with --yes', 2)
      }
      await (inRegistry ? connected(options, context, finish) : finish(undefined))
    },
  )
}

/** Notes about what stays because the command did not look there. */
function leftOut(inRegistry: boolean, inKong: boolean): string[] {
  if (!inKong)
    return [
      'no --admin-url: only the record goes; its consumer and credentials in Kong, if any, stay as they are',
    ]
  return inRegistry
    ? []
    : [
        'no configuration reads the registry: a record of the key there, if any, stays (--registry takes it too)',
      ]
}

/** Says where the command looked for the key, and where it did not. */
function absence(inRegistry: boolean, inKong: boolean): string {
  if (inRegistry && inKong) return 'neither the registry nor Kong knows it'
  return inKong
    ? 'Kong does not know it; no configuration reads the registry, which was not asked (--registry asks it)'
    : 'it is not registered; Kong was not asked (--admin-url)'
}

/** Whether any configuration in Kong reads the registry. */
async function usesRegistry(api: Parameters<typeof readGateway>[0]): Promise<boolean> {
  const { plugins } = await readGateway(api)
  return plugins.some(({ name, config }) => name === 'virtual-key' && config.registry === true)
}
