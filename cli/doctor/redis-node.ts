import type { Redis } from 'ioredis'
import { noneName, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { replyCode } from '../../plugins/virtual-key/redis/reply.ts'
import { type Judged, skipped } from './finding.ts'

/** What a server replies that takes no writes at the moment, whoever asks. */
const REFUSALS = new Set(['OOM', 'MISCONF', 'NOREPLICAS', 'READONLY'])

/** One Redis server, as it describes itself. */
export interface RedisNode {
  /** See `addressOf`. */
  readonly address: string
  /** INFO: names and values, without its headings. Empty where `trouble` says why. */
  readonly info: Readonly<Record<string, string>>
  /** CONFIG GET save; undefined where that is not allowed. '' = no snapshots. */
  readonly save?: string
  /** What it replies to a write; absent: it takes writes, or does not let this user try. */
  readonly refusal?: string
  readonly trouble?: string
}

/** host:port, as the client was told it; of a master that sentinels name, where the connection really leads. */
export function addressOf({ options, stream }: Redis): string {
  // The client keeps its defaults here, localhost:6379, whatever the sentinels have said.
  const { remoteAddress, remotePort } = options.sentinels ? stream : {}
  return `${remoteAddress ?? options.host}:${remotePort ?? options.port}`
}

export async function lookAt(node: Redis): Promise<RedisNode> {
  const address = addressOf(node)
  try {
    const info = infoFrom(await node.info())
    // Managed servers and careful ACLs keep CONFIG to themselves.
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
 * Only a write shows whether writes are taken. This one changes nothing, because it makes no stream that is not there. A node of a
 * cluster sends some of the partitions to other nodes.
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
 * Judges node by node and says the same thing once, with the nodes of which it is true where that is not all of them. A node that
 * did not answer is left out: the check `redis` tells it.
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
