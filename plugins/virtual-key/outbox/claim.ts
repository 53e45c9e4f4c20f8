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
  /** As Redis has it. */
  readonly json: string
  /** undefined: `json` is no record. */
  readonly record: AlertRecord | undefined
}

/** A claim that is not renewed for this long belongs to a process that died. Unit: milliseconds. */
export const LEASE = 15_000

/**
 * KEYS 1 outbox  2 retry  3 alerts
 * ARGV 1 consumer  2 lease in milliseconds; 0 = leave other owners' alerts alone  3 most alerts to take of each sort
 * Reply {stream id, alert id, record}… of alerts whose owner died, then of those due for a retry, then of new ones.
 *
 * Due times are by Redis's clock alone, so gateways need not agree on theirs. XAUTOCLAIM looks at a few entries only, and returns
 * where to look on: without following it, alerts behind those of a busy owner would never be found.
 */
export const claimScript: Script = {
  name: 'vkClaim',
  lua: `
local claims = {}
local most = tonumber(ARGV[3])
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
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, most)
if #due == 0 and redis.call('EXISTS', KEYS[1]) == 0 then return claims end
redis.pcall('XGROUP', 'CREATE', KEYS[1], '${DISPATCHERS}', '0', 'MKSTREAM')
local from = '0-0'
while ARGV[2] ~= '0' and #claims < most do
  local found = redis.call('XAUTOCLAIM', KEYS[1], '${DISPATCHERS}', ARGV[1], ARGV[2], from, 'COUNT', most - #claims)
  take(found[2])
  from = found[1]
  if from == '0-0' then break end
end
for _, id in ipairs(due) do
  redis.call('XADD', KEYS[1], '*', 'id', id)
  redis.call('ZREM', KEYS[2], id)
end
local read = redis.call('XREADGROUP', 'GROUP', '${DISPATCHERS}', ARGV[1], 'COUNT', most, 'STREAMS', KEYS[1], '>')
if read then take(read[1][2]) end
return claims
`,
}

/**
 * Takes over what one partition has to deliver.
 * @param lease milliseconds after which an owner counts as dead; 0 = leave other owners' alerts alone
 * @throws ReplyError or a connection's Error; then it may have taken some, which are found again when the lease has run out.
 */
export async function claim(
  redis: Connection,
  partition: number,
  consumer: string,
  lease: number,
  most: number,
): Promise<Claim[]> {
  const { outbox, retry, alerts } = outboxNames(partition)
  const reply = await run(redis, claimScript, [outbox, retry, alerts], [consumer, lease, most])
  return claimsFrom(partition, reply as ClaimReply)
}

export type ClaimReply = ReadonlyArray<readonly [streamId: string, id: string, record: string]>

export function claimsFrom(partition: number, reply: ClaimReply): Claim[] {
  return reply.map(([streamId, id, json]) => ({ partition, streamId, id, json, record: recordFrom(json) }))
}
