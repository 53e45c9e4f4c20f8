import { Cluster } from 'ioredis'
import { placeOf } from '../options/redis-place.ts'
import { counted } from '../output/text.ts'
import { check } from './check.ts'
import { type DoctorContext, Unavailable } from './context.ts'
import { fail, type Judged, ok, warn } from './finding.ts'
import { infoFrom, type RedisNode } from './redis-node.ts'

export interface RedisFacts {
  readonly address: string
  /** Why it cannot be used. */
  readonly away?: string
  readonly nodes: readonly RedisNode[]
  /** CLUSTER INFO; absent without a cluster. */
  readonly cluster?: Readonly<Record<string, string>>
  /** Why no script can be run; absent if one can. */
  readonly scripts?: string
}

async function probe(context: DoctorContext): Promise<RedisFacts> {
  const address = placeOf(context.options.redis).addresses.join(', ')
  try {
    const redis = await context.redis()
    const said = (error: Error) => error.message
    const [nodes, scripts, cluster] = await Promise.all([
      context.nodes(),
      redis.eval('return 1', 0).then(() => undefined, said),
      redis instanceof Cluster ? redis.cluster('INFO').then((text) => infoFrom(String(text))) : undefined,
    ])
    return {
      address,
      nodes,
      ...(scripts === undefined ? {} : { scripts }),
      ...(cluster === undefined ? {} : { cluster }),
    }
  } catch (error) {
    if (error instanceof Unavailable) return { address, nodes: [], away: error.detail }
    throw error
  }
}

export function judgeRedis({ address, away, nodes, cluster, scripts }: RedisFacts): Judged[] {
  if (away !== undefined)
    return [fail(away, 'check --redis-url and REDIS_PASSWORD, and that Redis runs there')]
  const troubles = [
    ...nodes.flatMap((node) => nodeTroubles(node, cluster !== undefined)),
    ...clusterTroubles(cluster),
    ...(scripts === undefined
      ? []
      : [
          fail(
            `scripts cannot be run: ${scripts}`,
            'allow this user the commands EVAL and EVALSHA: all totals are kept by scripts',
          ),
        ]),
  ]
  if (troubles.length > 0) return troubles
  const versions = [...new Set(nodes.map(versionOf))].join(', ')
  return [
    ok(
      cluster === undefined
        ? `${versions} at ${address}`
        : `${versions}, a cluster of ${counted(nodes.length, 'master')}`,
    ),
  ]
}

function nodeTroubles(node: RedisNode, inCluster: boolean): Judged[] {
  const { address, info, trouble } = node
  if (trouble?.startsWith('NOPERM'))
    return [warn(`${address} does not tell how it runs: ${trouble}`, 'allow this user the command INFO')]
  if (trouble !== undefined) return [fail(`${address}: ${trouble}`, 'check that this node runs')]
  const found: Judged[] = []
  if (!recent(info.redis_version ?? '')) {
    found.push(fail(`${address}: ${versionOf(node)}`, 'Redis 6.2 or newer is needed, for XAUTOCLAIM'))
  }
  if (info.role === 'slave') {
    found.push(fail(`${address} is a replica: it refuses writes`, 'name the master, here and in the plugin'))
  } else if (node.refusal !== undefined) {
    found.push(
      fail(
        `${address} refuses writes: ${node.refusal}`,
        'remove what it names: until then usage records and alerts wait',
      ),
    )
  }
  if (info.cluster_enabled === '1' && !inCluster) {
    found.push(
      fail(
        `${address} belongs to a Redis Cluster, and is called as if it stood alone`,
        'use --cluster-nodes here and redis.cluster_nodes in the plugin',
      ),
    )
  }
  return found
}

function clusterTroubles(cluster: RedisFacts['cluster']): Judged[] {
  if (cluster === undefined) return []
  const lost = Number(cluster.cluster_slots_fail ?? 0) + 16_384 - Number(cluster.cluster_slots_assigned ?? 0)
  if (cluster.cluster_state === 'ok' && lost === 0) return []
  return [
    fail(
      `the cluster's state is ${cluster.cluster_state}, ${counted(lost, 'slot')} out of service`,
      'see CLUSTER NODES: keys of those slots are not counted until they are served again',
    ),
  ]
}

/** The `redis_version` of a Valkey is that of the Redis with which it is compatible. */
function versionOf({ info }: RedisNode): string {
  return info.valkey_version === undefined
    ? `Redis ${info.redis_version ?? 'of an unknown version'}`
    : `Valkey ${info.valkey_version}`
}

function recent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 2)
}

/** Whether Redis can be used, and which one it is. */
export const redis = check('redis', probe, judgeRedis)
