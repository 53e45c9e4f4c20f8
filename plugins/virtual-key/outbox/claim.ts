import { DISPATCHERS, outboxNames } from '../keys.ts'
import { type Connection, run, type Script } from '../ledger/script.ts'
import { type AlertRecord, recordFrom } from './record.ts'

/** An alert that this process owns: nobody else attempts it while the claim is renewed. */
export interface Claim {
  readonly partition: number
  /** Its entry in the outbox stream. */
  readonly streamId: string
  /** The alert id, sent as webhook-id. */
  readonly id: string
  readonly record: AlertRecord
}

/** A claim that is not renewed for this long belongs to a process that died. Unit: milliseconds. */
export const LEASE = 15_000

/**
 * KEYS 1 outbox  2 retry  3 alerts
 * ARGV 1 consumer  2 lease in milliseconds  3 most alerts to take of each sort
 * Reply {stream id, alert id, record}… of alerts whose owner died, then of those due for a retry, then of new ones.
 *
 * Due times are by Redis's clock alone, so gateways need not agree on theirs.
 */
export const claimScript: Script = {
  name: 'vkClaim',
  numberOfKeys: 3,
  lua: `
local claims = {}
local function take(entries)
  for _, entry in ipairs(entries) do
    local id = entry and entry[2] and entry[2][2]
    local record = id and redis.call('HGET', KEYS[3], id)
    if record then
      claims[#claims + 1] = {entry[1], id, record}
    elseif entry then
      redis.call('XACK', KEYS[1], '${DISPATCHERS}', entry[1])
      redis.call('XDEL', KEYS[1], entry[1])
    end
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[3])
if #due == 0 and redis.call('EXISTS', KEYS[1]) == 0 then return claims end
redis.pcall('XGROUP', 'CREATE', KEYS[1], '${DISPATCHERS}', '0', 'MKSTREAM')
take(redis.call('XAUTOCLAIM', KEYS[1], '${DISPATCHERS}', ARGV[1], ARGV[2], '0', 'COUNT', ARGV[3])[2])
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('XADD', KEYS[1], '*', 'id', id)
end
local read = redis.call('XREADGROUP', 'GROUP', '${DISPATCHERS}', ARGV[1], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
if read then take(read[1][2]) end
return claims
`,
}

/** Takes over what one partition has to deliver. @throws ReplyError or a connection's Error; then nothing may have been taken. */
export async function claim(
  redis: Connection,
  partition: number,
  consumer: string,
  most: number,
): Promise<Claim[]> {
  const { outbox, retry, alerts } = outboxNames(partition)
  const reply = await run(redis, claimScript, [outbox, retry, alerts], [consumer, LEASE, most])
  return claimsFrom(partition, reply as ClaimReply)
}

export type ClaimReply = ReadonlyArray<readonly [streamId: string, id: string, record: string]>

export function claimsFrom(partition: number, reply: ClaimReply): Claim[] {
  return reply.flatMap(([streamId, id, json]) => {
    const record = recordFrom(json)
    return record === undefined ? [] : [{ partition, streamId, id, record }]
  })
}

/**
 * KEYS 1 outbox
 * ARGV 1 consumer  2… stream ids
 * Reply stream ids whose claim could be renewed; the others belong to somebody else by now, or are gone.
 */
export const renewScript: Script = {
  name: 'vkRenew',
  numberOfKeys: 1,
  lua: `
local mine = {}
for i = 2, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], '${DISPATCHERS}', ARGV[i], ARGV[i], 1)
  if pending[1] and pending[1][2] == ARGV[1] then
    redis.call('XCLAIM', KEYS[1], '${DISPATCHERS}', ARGV[1], 0, ARGV[i], 'JUSTID')
    mine[#mine + 1] = ARGV[i]
  end
end
return mine
`,
}

/** Keeps claims of one partition from running out. @throws as claim */
export async function renew(
  redis: Connection,
  partition: number,
  consumer: string,
  streamIds: readonly string[],
): Promise<void> {
  await run(redis, renewScript, [outboxNames(partition).outbox], [consumer, ...streamIds])
}
