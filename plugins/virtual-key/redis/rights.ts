/**
 * What a Redis user needs: these commands on keys `vk:*`, as `ACL SETUSER` takes them. A script of which Redis denies one command
 * does nothing at all, so that a right too few loses nothing: usage records and alerts wait until it is there.
 */

/** Commands of the plugin server and of `vk dispatch`. */
export const PLUGIN_SERVER_RIGHTS = [
  'client|setname',
  'cluster|slots',
  'eval',
  'evalsha',
  'exists',
  'expire',
  'get',
  'hdel',
  'hexists',
  'hget',
  'hgetall',
  'hlen',
  'hmget',
  'hset',
  'info',
  'pexpire',
  'select',
  'set',
  'time',
  'ttl',
  'xack',
  'xadd',
  'xautoclaim',
  'xclaim',
  'xdel',
  'xgroup',
  'xinfo',
  'xlen',
  'xpending',
  'xrange',
  'xreadgroup',
  'zadd',
  'zcard',
  'zcount',
  'zrange',
  'zrangebyscore',
  'zrem',
  'zremrangebyscore',
  'zrevrange',
  'zscore',
] as const

/** Commands that the other commands of `vk` need beyond those. */
export const VK_RIGHTS = [
  'cluster|info',
  'del',
  'mget',
  'persist',
  'scan',
  'xrevrange',
  'xtrim',
  'zrangebylex',
] as const

/** The rules of a user with no other rights, as `ACL SETUSER <name>` takes them. */
export function leastRules(rights: readonly string[]): string[] {
  return ['resetkeys', '~vk:*', 'resetchannels', '-@all', ...rights.map((right) => `+${right}`)]
}
