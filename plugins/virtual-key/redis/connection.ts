import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisConfig } from '../../../schema/config.ts'
import type { Log } from '../telemetry/log.ts'
import { Redial } from './redial.ts'
import { type Connection, SCRIPTS } from './script.ts'

export interface Link {
  readonly redis: Connection
  /** Resolves when the first try to connect has come to an end, whichever. Only the first requests of a process wait for it. */
  readonly opened: Promise<void>
}

/** Longest pause between two tries to connect. Unit: milliseconds. */
const LONGEST_PAUSE = 500

/** Between two looks whether Redis has read its data. Unit: milliseconds. */
const LOADING_PAUSE = 500

/** Tries of one command on a cluster, 100 ms apart where a node is away. */
const MOST_REDIRECTIONS = 4

/**
 * One connection for everything. Commands fail at once while it is down, and none is sent twice behind the caller's back: whether
 * to wait, to queue or to go on is the ledger's decision.
 * @param follow connect anew where the server may not be the master any more; false for whoever wants to see what it is
 */
export function connect(config: RedisConfig, log: Log, follow = true): Link {
  const address = addressOf(config)
  const redial = new Redial(
    () => performance.now(),
    (reason) =>
      log.warn(`Redis at ${address} may not be the master any more, so it is connected to anew: ${reason}`),
  )
  const redis = clientOf(config, (error) => follow && redial.after(error))
  SCRIPTS.define(redis)
  tell(redis, log, address)
  if (redis instanceof Redis) leaveLoading(redis, config.timeout)
  // A failure is told by the event 'error', and the client goes on trying.
  const opened = redis.connect().catch(() => undefined)
  return { redis, opened: Promise.race([opened, sleep(config.timeout, undefined, { ref: false })]) }
}

/** Pause before a try to connect, by its number. Unit: milliseconds. */
function pause(times: number): number {
  return Math.min(20 * 2 ** Math.min(times, 10), LONGEST_PAUSE)
}

/** What holds for a connection to any node. */
function optionsOf(config: RedisConfig, reconnectOnError: (error: Error) => boolean) {
  return {
    connectTimeout: config.timeout,
    commandTimeout: config.timeout,
    // A host that died or hangs closes no connection. Without this it would count as connected for as long as the kernel tries.
    socketTimeout: config.timeout,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    retryStrategy: pause,
    maxLoadingRetryTime: LOADING_PAUSE,
    reconnectOnError,
    connectionName: 'virtual-key',
    db: config.database,
    ...(config.username ? { username: config.username } : {}),
    ...(config.password ? { password: config.password } : {}),
    ...(config.ssl
      ? {
          tls: {
            rejectUnauthorized: config.ssl_verify,
            ...(config.server_name ? { servername: config.server_name } : {}),
          },
        }
      : {}),
  } satisfies RedisOptions
}

/**
 * Has a client give up only when it is told to. ioredis 6.0 ends for good where sentinels announce another master while it is
 * connecting: the announcement closes what is not open yet (seen in every second failover of a killed master).
 */
function tryForEver(redis: Redis): Redis {
  const disconnect = redis.disconnect.bind(redis)
  let closed = false
  redis.disconnect = (reconnect = false) => {
    if (!reconnect) closed = true
    disconnect(reconnect)
  }
  redis.on('end', () => {
    // A failure is told by the event 'error', and the next 'end' comes back here.
    if (!closed) redis.connect().catch(() => undefined)
  })
  return redis
}

/** A client for the nodes of a cluster, for the master that sentinels name, or for one address. */
function clientOf(config: RedisConfig, reconnectOnError: (error: Error) => boolean): Connection {
  const options = optionsOf(config, reconnectOnError)
  const { host, port, cluster_nodes, sentinel_master, sentinel_username, sentinel_password } = config
  const nodes = cluster_nodes ?? []
  if (nodes.length > 0) {
    return new Cluster(
      nodes.map((node) => ({ host: node.ip, port: node.port })),
      {
        redisOptions: options,
        enableOfflineQueue: false,
        lazyConnect: true,
        clusterRetryStrategy: pause,
        maxRedirections: MOST_REDIRECTIONS,
      },
    )
  }
  if (!sentinel_master) return new Redis({ ...options, host, port })
  const redis = new Redis({
    ...options,
    name: sentinel_master,
    sentinels: (config.sentinel_nodes ?? []).map((node) => ({ host: node.host, port: node.port })),
    sentinelRetryStrategy: pause,
    sentinelReconnectStrategy: pause,
    sentinelCommandTimeout: config.timeout,
    // Sentinels say when they have another master; a connection to one that only hangs would else stay until its time-out.
    failoverDetector: true,
    ...(sentinel_username ? { sentinelUsername: sentinel_username } : {}),
    ...(sentinel_password ? { sentinelPassword: sentinel_password } : {}),
    ...(options.tls ? { enableTLSForSentinelMode: true, sentinelTLS: options.tls } : {}),
  })
  return tryForEver(redis)
}

/**
 * A server that reads its data is connected to and not ready, for minutes where there is much. After a failover behind one address that
 * is the old master, and the address may lead to the new one by then: so it is connected to anew.
 * @param timeout milliseconds
 */
function leaveLoading(redis: Redis, timeout: number): void {
  let timer: NodeJS.Timeout | undefined
  redis.on('connect', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (redis.status === 'connect') redis.disconnect(true)
    }, timeout).unref()
  })
}

/** Says once that Redis went away and once that it is back, not at every try to connect. */
function tell(redis: Connection, log: Log, address: string): void {
  let away = false
  redis.on('error', (error: Error) => {
    if (/DB index/.test(error.message)) {
      // The client would go on in database 0, where somebody else's data may lie.
      log.error(`Redis at ${address} is not used: ${error.message}`)
      redis.disconnect()
      return
    }
    if (!away) log.warn(`Redis at ${address} is unreachable: ${error.message || error.name}`)
    away = true
  })
  redis.on('ready', () => {
    if (away) log.info(`Redis at ${address} is back`)
    away = false
  })
}

function addressOf({ host, port, cluster_nodes, sentinel_master, sentinel_nodes }: RedisConfig): string {
  const nodes = (cluster_nodes ?? []).map((node) => `${node.ip}:${node.port}`)
  if (nodes.length > 0) return nodes.join(', ')
  if (!sentinel_master) return `${host}:${port}`
  const sentinels = (sentinel_nodes ?? []).map((node) => `${node.host}:${node.port}`)
  return `${sentinel_master} of the sentinels ${sentinels.join(', ')}`
}
