import type { RedisConfig } from '../../../../schema/config.ts'
import { fingerprint } from '../../redis/names.ts'

/** Fields about the connection to a Redis, which do not say which Redis it is. */
const CONNECTING = new Set([
  'username',
  'password',
  'sentinel_username',
  'sentinel_password',
  'ssl',
  'ssl_verify',
  'server_name',
  'timeout',
])

/** A short name for the Redis of a configuration. It stays the same when the password or a timeout changes. */
export function redisName(config: RedisConfig): string {
  const place = Object.entries(config).filter(
    ([field, value]) => !CONNECTING.has(field) && value !== undefined && value !== null,
  )
  return fingerprint(place.sort(([a], [b]) => (a < b ? -1 : 1)))
}
