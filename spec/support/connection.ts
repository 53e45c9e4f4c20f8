import type { Redis } from 'ioredis'
import { connect, type Link } from '../../plugins/virtual-key/redis/connection.ts'
import { lineLog } from '../../plugins/virtual-key/telemetry/log.ts'
import type { RedisConfig } from '../../schema/config.ts'

/** The `redis` part of a configuration, as Kong would hand it over. */
export function redisConfig(port: number, own: Partial<RedisConfig> = {}): RedisConfig {
  return { host: '127.0.0.1', port, database: 0, ssl: false, ssl_verify: false, timeout: 5000, ...own }
}

export interface Connected {
  readonly link: Link
  readonly redis: Redis
  /** What the connection logged. */
  readonly lines: string[]
}

/** A connection as the plugin makes it, ready for use. */
export async function connected(port: number, own: Partial<RedisConfig> = {}): Promise<Connected> {
  const lines: string[] = []
  const link = connect(
    redisConfig(port, own),
    lineLog((line) => lines.push(line)),
  )
  await link.opened
  return { link, redis: link.redis as Redis, lines }
}
