import { type Applying, type Gateway, pluginFor } from './applying.ts'
import type { Service } from './entities.ts'

/** What makes a key less than its operator expects. */
export function remarksOn(
  { routes, plugins }: Gateway,
  service: Service | undefined,
  applying: readonly Applying[],
): string[] {
  const where = service === undefined ? 'any route' : `service ${service.name ?? service.id}`
  const scope = service === undefined ? '--global' : `--service ${service.name ?? service.id}`
  const concerned = routes.filter((route) => service === undefined || route.service?.id === service.id)
  const places = concerned.length > 0 ? concerned : [{ id: '', service: service ?? null }]
  const guarded = places.some((route) => pluginFor('key-auth', plugins, route) !== undefined)
  const other = applying.filter(({ config }) => config.identify_by !== 'consumer')
  return [
    ...(applying.length === 0
      ? [`virtual-key is not enabled on ${where}: nothing is counted there until vk plugin enable ${scope}`]
      : []),
    ...(guarded ? [] : [`key-auth is not enabled on ${where}: nobody asks for the key there`]),
    ...other.map(
      ({ where: at, config }) =>
        `${at} has identify_by ${config.identify_by}: totals and settings there are not those of the consumer`,
    ),
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
