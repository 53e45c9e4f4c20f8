import type { Command } from 'commander'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey } from '../../plugins/virtual-key/registry/keys.ts'
import { resetKey, writeKey } from '../../plugins/virtual-key/registry/write.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import {
  type KeyChanges,
  type KeyOptions,
  settingsFrom,
  unsetFrom,
  withKeySettings,
  withUnset,
} from '../options/key-options.ts'
import { json } from '../output/text.ts'
import type { AdminApi } from '../provisioning/admin-api.ts'
import { type AdminOptions, adminFrom, withAdmin } from '../provisioning/admin-options.ts'
import { applying } from '../provisioning/applying.ts'
import { execute } from '../provisioning/execute.ts'
import { readConsumer, readGateway } from '../provisioning/kong-state.ts'
import { budgetOf, percentNotes } from '../provisioning/percents.ts'
import { noRateLimitPlan, rateCounter, rateLimitPlan } from '../provisioning/rate-limit-plan.ts'

/** Without a registry a key's settings are in a plugin of its consumer. */
const NOT_REGISTERED = '; vk keys create registers it, or without a registry changes what Kong has of it'

type UpdateOptions = ConnectionOptions & KeyOptions & AdminOptions & { readonly unset?: string }

/** `vk keys update`, `disable`, `enable` and `reset`: change a key that exists. */
export function addKeysUpdate(keys: Command, context: CommandContext): void {
  const update = withConnection(keys.command('update'))
    .description(
      'changes settings of a registered key, and with --admin-url its rate limit in Kong; settings that are not named stay',
    )
    .argument('<id>', 'the key id')
  withAdmin(withUnset(withKeySettings(update))).action(async (id: string, options: UpdateOptions) => {
    const changes = await changesFrom(options, context)
    const api = adminFrom(options, context)
    return connected(options, context, async (redis) => {
      for (const note of await notesOn(redis, id, changes)) context.log.warn(note)
      const changed = await change(redis, id, changes).catch((error: Error) => {
        throw error instanceof Failure ? new Failure(`${error.message}${NOT_REGISTERED}`) : error
      })
      context.print(`key ${json(id)} ${changed ? 'is updated' : 'had these settings already'}`)
      if ('rate_limit' in changes) await limit(id, changes.rate_limit, api, context)
    })
  })

  for (const [name, disabled, description] of [
    [
      'disable',
      true,
      'makes requests with a key get 403 until it is enabled again, where the plugin has registry: true',
    ],
    ['enable', undefined, 'lets a disabled key be used again'],
  ] as const) {
    withConnection(keys.command(name))
      .description(description)
      .argument('<id>', 'the key id')
      .action((id: string, options: ConnectionOptions) =>
        connected(options, context, async (redis) => {
          const changed = await change(redis, id, { disabled })
          context.print(`key ${json(id)} ${changed ? 'is' : 'was'} ${name}d${changed ? '' : ' already'}`)
        }),
      )
  }

  withConnection(keys.command('reset'))
    .description(
      'starts a new epoch of a key: its totals are 0 and every threshold can be crossed again; its settings stay',
    )
    .argument('<id>', 'the key id, registered or not')
    .action((id: string, options: ConnectionOptions) =>
      connected(options, context, async (redis) => {
        const epoch = await resetKey(redis, id, Date.now())
        if (epoch === undefined) throw new Failure(`key ${json(id)} is not registered and has spent nothing`)
        context.print(
          `key ${json(id)} starts epoch ${epoch}: its totals are 0, and every threshold can be crossed again`,
        )
      }),
    )
}

/** @throws Failure with exit code 2 for percents of a budget of 0 */
async function notesOn(redis: Connection, id: string, changes: KeyChanges): Promise<string[]> {
  const { alert_percents: percents } = changes
  if (percents === undefined) return []
  const own =
    'token_budget' in changes ? changes.token_budget : (await readKey(redis, id))?.settings.token_budget
  return percentNotes(percents, budgetOf(own, undefined))
}

/** Changes the rate limit in Kong, because Kong's own plugin enforces it and the record alone has no effect. */
async function limit(
  id: string,
  minute: number | undefined,
  api: AdminApi | undefined,
  context: CommandContext,
): Promise<void> {
  if (api === undefined)
    return context.log.warn('a rate limit is kept by Kong: give --admin-url to change it there too')
  const state = await readConsumer(api, id)
  if (state.consumer === undefined)
    throw new Failure(`Kong has no consumer ${json(id)}: vk keys create makes it`)
  const counter = async () => rateCounter(applying(await readGateway(api), undefined))
  const plan =
    minute === undefined ? noRateLimitPlan(id, state) : rateLimitPlan(id, minute, state, await counter())
  await execute(plan, { api }, {}, context)
}

async function changesFrom(
  options: KeyOptions & { readonly unset?: string },
  context: CommandContext,
): Promise<KeyChanges> {
  const settings = await settingsFrom(options, Date.now(), context)
  const cleared = unsetFrom(options.unset)
  const both = Object.keys(cleared).find((name) => name in settings)
  if (both !== undefined) throw new Failure(`${both} is both set and cleared`, 2)
  const changes = { ...settings, ...cleared }
  if (Object.keys(changes).length === 0) throw new Failure('name a setting to change, or --unset', 2)
  return changes
}

/** @returns whether anything is different now */
async function change(redis: Connection, id: string, changes: KeyChanges): Promise<boolean> {
  const written = await writeKey(redis, id, changes, 'update', Date.now())
  if (written === 'absent') throw unknownKey(id)
  return written === 'updated'
}

export function unknownKey(id: string): Failure {
  return new Failure(`no key ${json(id)} is registered`)
}
