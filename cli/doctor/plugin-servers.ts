import { type KnownProcess, SILENT } from '../../plugins/virtual-key/redis/heartbeat.ts'
import { placeOf, samePlace } from '../options/redis-place.ts'
import { counted, lasting, several } from '../output/text.ts'
import { AdminError } from '../provisioning/admin-api.ts'
import { check } from './check.ts'
import { type DoctorContext, Unavailable } from './context.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import type { Configuration } from './gateway.ts'

export interface PluginServerFacts {
  /** Plugin servers that have written to this Redis within a day. */
  readonly processes: readonly KnownProcess[]
  /** Name of the machine whose Admin API was read; absent if none was, or if it does not report it. */
  readonly host?: string
  /** Configurations that are enabled in Kong and name this Redis; empty if Kong was not read. */
  readonly configurations: ReadonlyArray<Pick<Configuration, 'id' | 'scope'>>
}

async function probe(context: DoctorContext): Promise<PluginServerFacts> {
  const processes = await context.processes()
  try {
    const [{ hostname: host }, { configurations }] = await Promise.all([context.node(), context.gateway()])
    const here = placeOf(context.options.redis)
    const ours = configurations.filter(({ enabled, redis }) => enabled && samePlace(redis, here))
    return { processes, configurations: ours, ...(host === undefined ? {} : { host }) }
  } catch (error) {
    // Other checks report problems with Kong; the heartbeats in Redis can be read anyway.
    if (error instanceof Unavailable || error instanceof AdminError) return { processes, configurations: [] }
    throw error
  }
}

/**
 * If Kong cannot reach its plugin server any more, it proxies requests uncounted and reports nothing. The only sign is a missing heartbeat.
 * But a plugin server learns its first configuration, and so its Redis, from the first request: until then it sends no heartbeat either.
 */
export function judgePluginServers({ processes, host, configurations }: PluginServerFacts): Judged[] {
  const living = processes.filter(({ silent }) => silent < SILENT)
  const hosts = new Set(processes.map((one) => one.host))
  if (host !== undefined && configurations.length > 0) hosts.add(host)
  if (hosts.size === 0) return [skipped('no plugin server has been heard of within a day')]
  const lost = [...hosts].filter((name) => !living.some((one) => one.host === name))
  return [
    ...(living.length > 0 ? [ok(living.map(described).join('; '))] : []),
    ...lost.map((name) => judgeLost(name, name === host, lastSign(processes, name))),
    ...judgeLiving(living, lost.includes(host ?? '') ? [] : configurations),
  ]
}

/**
 * @param asked whether its Admin API has answered, so that Kong certainly runs
 * @param silent milliseconds since it was last heard of; undefined: it never was
 */
function judgeLost(host: string, asked: boolean, silent: number | undefined): Judged {
  if (silent === undefined) {
    return warn(
      `gateway ${host}: nothing has been heard of a plugin server`,
      'send a request through virtual-key and look again; if nothing changes, requests pass uncounted: see its error log',
    )
  }
  const finding = `gateway ${host}: its plugin server was last heard of ${lasting(silent)} ago`
  if (asked) {
    return fail(
      `${finding}, and Kong runs: requests pass uncounted, unless none has come since Kong was started`,
      'send a request through virtual-key and look again; if nothing changes, restart Kong, for a reload is not enough',
    )
  }
  return warn(
    `${finding}: it was stopped, or it does not count`,
    'if it should run, look at it from there: vk doctor --admin-url',
  )
}

function judgeLiving(
  living: readonly KnownProcess[],
  configurations: PluginServerFacts['configurations'],
): Judged[] {
  if (living.length === 0) return []
  const seen = new Set(living.flatMap((one) => one.configurations))
  const unseen = configurations.filter(({ id }) => !seen.has(id)).map(({ scope }) => scope)
  const waiting = living.reduce((sum, one) => sum + one.waiting, 0)
  const versions = [...new Set(living.map(({ version }) => version))].sort()
  return [
    ...(unseen.length === 0
      ? []
      : [
          warn(
            `no plugin server has seen the configuration of ${several(unseen)}`,
            'no request has come there since the plugin servers started, or Kong lets them pass uncounted',
          ),
        ]),
    ...(waiting === 0
      ? []
      : [
          warn(
            `${counted(waiting, 'usage record')} ${waiting === 1 ? 'waits' : 'wait'} for Redis`,
            'they are settled by themselves; where they do not become fewer, see the plugin server’s lines in Kong’s error log (level info)',
          ),
        ]),
    ...(versions.length === 1
      ? []
      : [warn(`different versions run: ${versions.join(', ')}`, 'bring all gateways to the same one')]),
  ]
}

function lastSign(processes: readonly KnownProcess[], host: string): number | undefined {
  const signs = processes.filter((one) => one.host === host).map(({ silent }) => silent)
  return signs.length === 0 ? undefined : Math.min(...signs)
}

function described({ host, pid, version, lastSettled, silent }: KnownProcess): string {
  const settled =
    lastSettled === undefined ? 'nothing settled yet' : `last settled ${new Date(lastSettled).toISOString()}`
  return `${host}, process ${pid}, version ${version}: heard of ${lasting(silent)} ago, ${settled}`
}

/** Whether plugin servers live, and count what they should. */
export const pluginServers = check('plugin-servers', probe, judgePluginServers)
