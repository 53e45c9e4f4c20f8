import type { Command } from 'commander'
import { connect } from '../../plugins/virtual-key/redis/connection.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import type { Log } from '../../plugins/virtual-key/telemetry/log.ts'
import type { RedisConfig } from '../../schema/config.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { VariableOption } from './environment.ts'

export interface ConnectionOptions {
  readonly redisUrl: string
  readonly clusterNodes?: string
  readonly sentinelMaster?: string
  readonly sentinelNodes?: string
}

export const REDIS_OPTIONS = 'Redis:'

/** The options by which every command finds Redis, under a heading of their own in its help. */
export function withConnection(command: Command): Command {
  command.optionsGroup(REDIS_OPTIONS)
  command
    .addOption(
      new VariableOption(
        '--redis-url <url>',
        'where Redis is: redis:// or rediss://. A password is taken from REDIS_URL or REDIS_PASSWORD only',
        'REDIS_URL',
      ).default('redis://127.0.0.1:6379'),
    )
    .addOption(
      new VariableOption(
        '--cluster-nodes <host:port,…>',
        'nodes of a Redis Cluster to start from; used instead of the host and port of the URL',
        'REDIS_CLUSTER_NODES',
      ),
    )
    .addOption(
      new VariableOption(
        '--sentinel-master <name>',
        'name of the master that the sentinels watch; used instead of the host and port of the URL. REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD are the credentials for the sentinels',
        'REDIS_SENTINEL_MASTER',
      ),
    )
    .addOption(
      new VariableOption(
        '--sentinel-nodes <host:port,…>',
        'addresses of the sentinels, with --sentinel-master',
        'REDIS_SENTINEL_NODES',
      ),
    )
  return command.optionsGroup('Options:')
}

/**
 * The `redis` part of a configuration, from options and environment.
 * @throws Failure for what is no address, and for a password among the arguments, where every user of the machine could read it
 */
export function redisConfig(
  { redisUrl, clusterNodes, sentinelMaster, sentinelNodes }: ConnectionOptions,
  env: CommandContext['env'],
): RedisConfig {
  const url = URL.canParse(redisUrl) ? new URL(redisUrl) : undefined
  if (url === undefined || !/^rediss?:$/.test(url.protocol)) {
    throw new Failure('the Redis URL does not look like redis://host:port/database', 2)
  }
  if (url.password !== '' && redisUrl !== env.REDIS_URL) {
    throw new Failure('a password does not belong among the arguments: set REDIS_URL or REDIS_PASSWORD', 2)
  }
  const database = Number(url.pathname.slice(1))
  if (!Number.isInteger(database)) throw new Failure('the database of the Redis URL is no number', 2)
  const username = decodeURIComponent(url.username)
  const password = decodeURIComponent(url.password) || (env.REDIS_PASSWORD ?? '')
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    database,
    ssl: url.protocol === 'rediss:',
    ssl_verify: true,
    timeout: 5000,
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(clusterNodes === undefined
      ? {}
      : { cluster_nodes: nodesFrom('cluster', clusterNodes).map(({ host, port }) => ({ ip: host, port })) }),
    ...sentinels(sentinelMaster, sentinelNodes, env),
  }
}

function sentinels(
  master: string | undefined,
  nodes: string | undefined,
  env: CommandContext['env'],
): Pick<RedisConfig, 'sentinel_master' | 'sentinel_nodes' | 'sentinel_username' | 'sentinel_password'> {
  if (master === undefined && nodes === undefined) return {}
  if (master === undefined || nodes === undefined)
    throw new Failure('--sentinel-master and --sentinel-nodes go together', 2)
  const { REDIS_SENTINEL_USERNAME: username, REDIS_SENTINEL_PASSWORD: password } = env
  return {
    sentinel_master: master,
    sentinel_nodes: nodesFrom('sentinel', nodes),
    ...(username ? { sentinel_username: username } : {}),
    ...(password ? { sentinel_password: password } : {}),
  }
}

/** @param kind for the message */
function nodesFrom(kind: string, text: string): Array<{ host: string; port: number }> {
  return text.split(',').map((node) => {
    const [, host, port] = /^\s*\[?([^\s[\]]+?)\]?:(\d{1,5})\s*$/.exec(node) ?? []
    if (host === undefined || port === undefined)
      throw new Failure(`${kind} node "${node}" is not host:port`, 2)
    return { host, port: Number(port) }
  })
}

/** Runs a command with a connection and closes it. @throws Failure when Redis cannot be reached */
export async function connected(
  options: ConnectionOptions,
  { env, log }: Pick<CommandContext, 'env' | 'log'>,
  work: (redis: Connection) => Promise<void>,
): Promise<void> {
  let trouble = ''
  const listen: Log = {
    ...log,
    warn: (message) => {
      trouble = message
    },
  }
  const { redis, opened } = connect(redisConfig(options, env), listen)
  try {
    await opened
    if (redis.status !== 'ready') throw new Failure(trouble || 'Redis does not answer', 3)
    await work(redis)
  } finally {
    redis.disconnect()
  }
}
