import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import { type Applying, type Gateway, pluginFor } from './applying.ts'
import type { Service } from './entities.ts'

/** What makes a key less than its operator expects. @param record its settings go into the registry, whatever the plugin says */
export function remarksOn(
  { routes, plugins }: Gateway,
  service: Service | undefined,
  applying: readonly Applying[],
  record: boolean,
): string[] {
  const where = service === undefined ? 'any route' : `service ${service.name ?? service.id}`
  const scope = service === undefined ? '--global' : `--service ${service.name ?? service.id}`
  const concerned = routes.filter((route) => service === undefined || route.service?.id === service.id)
  const places = concerned.length > 0 ? concerned : [{ id: '', service: service ?? null }]
  const onSome = (name: string) => places.some((route) => pluginFor(name, plugins, route) !== undefined)
  const others = AUTHENTICATORS.map(({ name }) => name).filter((name) => name !== 'key-auth' && onSome(name))
  const other = applying.filter(({ config }) => config.identify_by !== 'consumer')
  return [
    ...(applying.length === 0
      ? [`virtual-key is not enabled on ${where}: nothing is counted there until vk plugin enable ${scope}`]
      : []),
    ...(onSome('key-auth') ? [] : [`key-auth is not enabled on ${where}: ${nobodyAsks(others)}`]),
    ...other.map(
      ({ where: at, config }) =>
        `${at} has identify_by ${config.identify_by}: totals and settings there are not those of the consumer`,
    ),
    ...(record && applying.length > 0 && !applying.some(({ config }) => config.registry)
      ? [
          `the record changes nothing yet: ${applying.map(({ where: at }) => at).join(', ')} ${applying.length > 1 ? 'do' : 'does'} not have registry: true`,
        ]
      : []),
    ...(applying.some(({ config }) => config.registry) && applying.some(({ config }) => !config.registry)
      ? [
          `the registry is not read by ${applying
            .filter(({ config }) => !config.registry)
            .map(({ where: at }) => at)
            .join(', ')}`,
        ]
      : []),
  ]
}

function nobodyAsks(others: readonly string[]): string {
  return others.length === 0
    ? 'nobody asks for the key there'
    : `${others.join(', ')} says who calls there, and does not ask for the key`
}
