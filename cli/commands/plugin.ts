import { type Command, Option } from 'commander'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, redisConfig, withConnection } from '../options/connection.ts'
import { inputFrom, OR_STDIN } from '../options/input-file.ts'
import { adminFrom, type Provisioning, withProvisioning } from '../provisioning/admin-options.ts'
import { configFrom } from '../provisioning/config-options.ts'
import { execute } from '../provisioning/execute.ts'
import { type Gateway, named, readGateway } from '../provisioning/kong-state.ts'
import type { Plan, Scope } from '../provisioning/plan.ts'
import { disablePlan, enablePlan, type Place } from '../provisioning/plugin-plan.ts'
import { pluginRedis } from '../provisioning/plugin-redis.ts'

interface PlaceOptions extends Provisioning {
  readonly route?: string
  readonly service?: string
  readonly global?: boolean
}

interface EnableOptions extends PlaceOptions, ConnectionOptions {
  readonly config?: string
  readonly set: readonly string[]
  readonly keyAuth: boolean
}

/** `vk plugin`: enables and disables virtual-key in Kong. */
export function addPlugin(program: Command, context: CommandContext): void {
  const plugin = program.command('plugin').description('enables and disables the plugin virtual-key in Kong')

  withConnection(withPlace(plugin.command('enable')))
    .description(
      'enables virtual-key on a route, on a service or globally, and key-auth where no other plugin authenticates. A new plugin uses the Redis named here, unless --config or --set names another',
    )
    .option('--config <file>', `reads its configuration, a JSON object, from a file; ${OR_STDIN}`)
    .addOption(
      new Option(
        '--set <name=value>',
        'sets one field of its configuration, such as webhook.timeout=5000; can be repeated',
      )
        .argParser((value: string, all: readonly string[]) => [...all, value])
        .default([], 'none'),
    )
    .option('--no-key-auth', 'does not enable key-auth')
    .action(async (options: EnableOptions, command: Command) => {
      const file = options.config
      const text = file === undefined ? undefined : await inputFrom('--config', file, context)
      const config = configFrom(text, options.set)
      const { clusterNodes, sentinelMaster } = options
      const named = command.getOptionValueSource('redisUrl') !== 'default' || clusterNodes || sentinelMaster
      const redis = named ? pluginRedis(redisConfig(options, context.env)) : undefined
      return planned(options, context, (place, gateway) =>
        enablePlan({ place, config, redis, keyAuth: options.keyAuth }, gateway),
      )
    })

  withPlace(plugin.command('disable'))
    .description('disables virtual-key on a route, on a service or globally; key-auth stays')
    .option('--remove', 'removes it together with its configuration')
    .action((options: PlaceOptions & { readonly remove?: boolean }) =>
      planned(options, context, (place, gateway) => disablePlan(place, options.remove === true, gateway)),
    )
}

function withPlace(command: Command): Command {
  return withProvisioning(command)
    .option('--route <name>', 'on this route')
    .option('--service <name>', 'on this service')
    .option('--global', 'for all requests')
}

async function planned(
  options: PlaceOptions,
  context: CommandContext,
  plan: (place: Place, gateway: Gateway) => Plan,
): Promise<void> {
  const { route, service, global } = options
  if ([route, service, global].filter((one) => one !== undefined).length !== 1)
    throw new Failure('give one of --route, --service and --global', 2)
  const api = adminFrom(options, context)
  if (api === undefined) throw new Failure('plugins are in Kong: give --admin-url', 2)
  const gateway = await readGateway(api)
  await execute(plan(placeIn(gateway, options), gateway), { api }, options, context)
}

function placeIn({ routes, services }: Gateway, { route, service }: PlaceOptions): Place {
  if (route !== undefined) {
    const found = named('route', routes, route)
    return { scope: scopeOf('route', found), route: found }
  }
  if (service !== undefined) {
    const found = named('service', services, service)
    return { scope: scopeOf('service', found), service: found }
  }
  return { scope: { kind: 'global' } }
}

function scopeOf(kind: 'route' | 'service', { id, name }: Gateway['services'][number]): Scope {
  return { kind, name: name ?? id, id }
}
