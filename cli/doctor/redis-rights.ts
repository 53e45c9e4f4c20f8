import { Cluster } from 'ioredis'
import { noneName } from '../../plugins/virtual-key/redis/names.ts'
import { PLUGIN_SERVER_RIGHTS } from '../../plugins/virtual-key/redis/rights.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { several } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok } from './finding.ts'

export interface RightsFacts {
  /** Name of the Redis user of this command; undefined if the user may not ask for it. */
  readonly user: string | undefined
  /** Commands of a plugin server that this user may not call. */
  readonly denied: readonly string[]
  /** Whether the user may call the commands, but not on the plugin's keys. */
  readonly keys: boolean
}

type Right = (typeof PLUGIN_SERVER_RIGHTS)[number]

const NONE = noneName(0)

/**
 * Each command in a form that changes nothing, on a name that never exists: Redis checks the rights first. This uses neither
 * `redis.acl_check_cmd`, which crashes Redis 7.0 if arguments are missing, nor ACL DRYRUN, which a plugin server's user may not call.
 */
const HARMLESS: Readonly<Record<Right, readonly string[]>> = {
  'client|setname': ['virtual-key'],
  'cluster|slots': [],
  eval: ['return 1', '0'],
  evalsha: ['0'.repeat(40), '0'],
  exists: [NONE],
  expire: [NONE, '1'],
  get: [NONE],
  hdel: [NONE, 'x'],
  hexists: [NONE, 'x'],
  hget: [NONE, 'x'],
  hgetall: [NONE],
  hlen: [NONE],
  hmget: [NONE, 'x'],
  // Without a value this is an error, but one that comes after the check of the rights.
  hset: [NONE, 'x', 'x', 'x'],
  info: ['server'],
  pexpire: [NONE, '1'],
  select: ['0'],
  set: [NONE, '', 'XX'],
  time: [],
  ttl: [NONE],
  xack: [NONE, 'x', '1-1'],
  xadd: [NONE, 'NOMKSTREAM', '*', 'x', 'x'],
  xautoclaim: [NONE, 'x', 'x', '1', '0'],
  xclaim: [NONE, 'x', 'x', '1', '1-1'],
  xdel: [NONE, '1-1'],
  xgroup: ['CREATE', NONE, 'x', '0'],
  xinfo: ['CONSUMERS', NONE, 'x'],
  xlen: [NONE],
  xpending: [NONE, 'x'],
  xrange: [NONE, '-', '+'],
  xreadgroup: ['GROUP', 'x', 'x', 'STREAMS', NONE, '>'],
  zadd: [NONE, 'XX', '0', 'x'],
  zcard: [NONE],
  zcount: [NONE, '0', '0'],
  zrange: [NONE, '0', '0'],
  zrangebyscore: [NONE, '0', '0'],
  zrem: [NONE, 'x'],
  zremrangebyscore: [NONE, '0', '0'],
  zrevrange: [NONE, '0', '0'],
  zscore: [NONE, 'x'],
}

export async function lookAtRights(context: DoctorContext): Promise<RightsFacts> {
  const redis = await context.redis()
  // Without a cluster the plugin never asks for slots; a cluster has only one database.
  const unused = redis instanceof Cluster ? 'select' : 'cluster|slots'
  const rights = PLUGIN_SERVER_RIGHTS.filter((right) => right !== unused)
  const refusals = await Promise.all(rights.map((right) => refusalOf(redis, right, context)))
  const denied = rights.filter((_, i) => refusals[i] === 'command')
  return { user: await whoAmI(redis), denied, keys: refusals.includes('keys') }
}

async function refusalOf(
  redis: Connection,
  right: Right,
  context: DoctorContext,
): Promise<Denied | undefined> {
  const [name = '', ...sub] = right.split('|')
  const args = right === 'select' ? [String(context.options.redis.database)] : HARMLESS[right]
  try {
    await redis.call(name, ...sub, ...args)
    return undefined
  } catch (error) {
    return deniedBy((error as Error).message)
  }
}

type Denied = 'command' | 'keys'

/**
 * What Redis denies the user by this error; undefined if nothing, because every other error comes after the check of the rights. Since
 * Redis 7.2 the text names the user, who may be called `virtual-key`.
 */
export function deniedBy(message: string): Denied | undefined {
  if (!message.startsWith('NOPERM')) return undefined
  return /\bno permissions to access\b/i.test(message) ? 'keys' : 'command'
}

function whoAmI(redis: Connection): Promise<string | undefined> {
  return redis.acl('WHOAMI').then(String, () => undefined)
}

export function judgeRights({ user, denied, keys }: RightsFacts): Judged[] {
  const who = user === undefined ? 'this user' : `user ${user}`
  if (denied.length === 0 && !keys) return [ok(`${who} may do all that a plugin server does`)]
  const lacking = [
    ...(denied.length > 0 ? [`call ${several(denied)}`] : []),
    ...(keys ? ['touch the keys vk:*'] : []),
  ]
  const rules = [...(keys ? ['~vk:*'] : []), ...denied.map((right) => `+${right}`)].join(' ')
  return [
    fail(
      `${who} may not ${lacking.join(', nor ')}: usage records and alerts wait until that is allowed`,
      `ACL SETUSER ${user ?? '<name>'} ${rules}; if the plugin server is another user, look as that one, by REDIS_URL`,
    ),
  ]
}

/** Whether Redis lets a plugin server do its work, as the user of this command. */
export const redisRights = check('redis-rights', lookAtRights, judgeRights)
