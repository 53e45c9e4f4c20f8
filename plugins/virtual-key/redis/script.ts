import type { Cluster, Redis } from 'ioredis'

/** One connection to one Redis, or one client of a Redis Cluster. */
export type Connection = Redis | Cluster

/** A Lua script that Redis runs as one step. The client owns its SHA and sends the text again after NOSCRIPT. */
export interface Script {
  readonly name: string
  readonly lua: string
}

type Runner = Record<string, (...keysAndArguments: Array<string | number>) => Promise<unknown>>

/** Makes scripts known to a connection, once, before `run`. */
export function define(redis: Connection, scripts: readonly Script[]): void {
  for (const { name, lua } of scripts) redis.defineCommand(name, { lua })
}

/** @throws whatever ioredis throws: ReplyError from Redis, or an Error of the connection. */
export function run(
  redis: Connection,
  script: Script,
  keys: readonly string[],
  args: ReadonlyArray<string | number>,
): Promise<unknown> {
  const command = (redis as unknown as Runner)[script.name]
  if (command === undefined) throw new Error(`script ${script.name} is not defined on this connection`)
  return command.call(redis, keys.length, ...keys, ...args)
}
