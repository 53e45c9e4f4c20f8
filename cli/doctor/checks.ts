import { adminApi } from './admin-api.ts'
import { authentication } from './authentication.ts'
import type { Check } from './check.ts'
import { clock } from './clock.ts'
import { deadAlerts, outbox } from './outbox.ts'
import { enabled, plugin } from './plugin.ts'
import { pluginServers } from './plugin-servers.ts'
import { redis } from './redis.ts'
import { redisRights } from './redis-rights.ts'
import { memory, persistence } from './redis-storage.ts'
import { sameRedis } from './same-redis.ts'
import { schema } from './schema.ts'
import { tap } from './tap.ts'
import { webhooks } from './webhooks.ts'

/** All checks, in the order in which they are reported: from Kong to Redis to the webhooks. */
export const CHECKS: readonly Check[] = [
  adminApi,
  plugin,
  enabled,
  authentication,
  tap,
  sameRedis,
  redis,
  redisRights,
  memory,
  persistence,
  pluginServers,
  schema,
  clock,
  outbox,
  deadAlerts,
  webhooks,
]
