import type { RedisConfig } from '../../../../schema/config.ts'
import { fingerprint } from '../../redis/names.ts'

/** Fields that say how a Redis is connected to, and not which one it is. */
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

/** A short name for the Redis that a configuration names: the same after its password or its time-out was changed. */
export function redisName(config: RedisConfig): string {
  const place = Object.entries(config).filter(
    ([field, value]) => !CONNECTING.has(field) && value !== undefined && value !== null,
  )
  return fingerprint(place.sort(([a], [b]) => (a < b ? -1 : 1)))
}
