import type { Redis } from 'ioredis'
import { noneName, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { replyCode } from '../../plugins/virtual-key/redis/reply.ts'
import { type Judged, skipped } from './finding.ts'

/** Errors of a server that accepts no writes at the moment, from any user. */
const REFUSALS = new Set(['OOM', 'MISCONF', 'NOREPLICAS', 'READONLY'])

/** One Redis server, by its own report. */
export interface RedisNode {
  /** See `addressOf`. */
  readonly address: string
  /** Names and values of INFO, without its headings. Empty if it failed; then `trouble` says why. */
  readonly info: Readonly<Record<string, string>>
  /** CONFIG GET save; undefined if that is not allowed. '' = no snapshots. */
  readonly save?: string
  /** Its error for a write; absent if it accepts writes, or does not let this user try. */
  readonly refusal?: string
  readonly trouble?: string
}

/** host:port from the options; for a master that sentinels name, the address of the connection. */
export function addressOf({ options, stream }: Redis): string {
  // In this case the client's options contain the defaults, localhost:6379, whatever the sentinels have answered.
  const { remoteAddress, remotePort } = options.sentinels ? stream : {}
  return `${remoteAddress ?? options.host}:${remotePort ?? options.port}`
}

export async function lookAt(node: Redis): Promise<RedisNode> {
  const address = addressOf(node)
  try {
    const info = infoFrom(await node.info())
    // Managed servers and strict ACLs do not allow CONFIG.
    const config = (await node.config('GET', 'save').catch(() => [])) as string[]
    const refusal = await refusalOf(node)
    return {
      address,
      info,
      ...(config[1] === undefined ? {} : { save: config[1] }),
      ...(refusal === undefined ? {} : { refusal }),
    }
  } catch (error) {
    return { address, info: {}, trouble: (error as Error).message }
  }
}

/**
 * Only a write shows whether writes are accepted. This one changes nothing, because it does not create a stream. A node of a cluster
 * redirects some of the partitions to other nodes.
 */
async function refusalOf(node: Redis): Promise<string | undefined> {
  const replies = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) =>
      node.xadd(noneName(partition), 'NOMKSTREAM', '*', 'x', 'x').then(
        () => undefined,
        (error: Error) => error,
      ),
    ),
  )
  return replies.find((error) => error !== undefined && REFUSALS.has(replyCode(error)))?.message
}

/** Lines `name:value`; headings start with #. */
export function infoFrom(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => !line.startsWith('#') && line.includes(':'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )
}

/**
 * Judges each node, and reports equal findings once, with the names of the nodes unless it concerns all of them. A node that did not
 * answer is left out, because the check `redis` reports it.
 */
export function eachNode(nodes: readonly RedisNode[], judge: (node: RedisNode) => Judged): Judged[] {
  const seen = nodes.filter(({ trouble }) => trouble === undefined)
  if (seen.length === 0) return [skipped('Redis does not tell')]
  const groups = new Map<string, { judged: Judged; at: string[] }>()
  for (const node of seen) {
    const judged = judge(node)
    const name = JSON.stringify(judged)
    const group = groups.get(name) ?? { judged, at: [] }
    group.at.push(node.address)
    groups.set(name, group)
  }
  return [...groups.values()].map(({ judged, at }) =>
    at.length === seen.length ? judged : { ...judged, finding: `${at.join(', ')}: ${judged.finding}` },
  )
}
