import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { PROOF } from './proof-lua.ts'
import { type AlertRecord, recordFrom } from './record.ts'

/** An alert that this process owns: nobody else attempts it while the claim is renewed. */
export interface Claim {
  readonly partition: number
  /** Its entry in the outbox stream; begins with the time, by Redis's clock, at which it was added. */
  readonly streamId: string
  /** The alert id, sent as webhook-id. */
  readonly id: string
  /** As Redis has it. */
  readonly json: string
  /** undefined: `json` is no record. */
  readonly record: AlertRecord | undefined
  /** Milliseconds since 1970 by Redis's clock when it was taken; absent: at the crossing itself, by this process. */
  readonly takenAt?: number
}

/** A claim that is not renewed for this long belongs to a process that died. Unit: milliseconds. */
export const LEASE = 15_000

/**
 * A due time farther ahead than this was set while Redis's clock was ahead: no wait is longer than a week (schedule.ts).
 * Unit: milliseconds.
 */
const FARTHEST = 8 * 86_400_000

/**
 * KEYS 1 outbox  2 retry  3 alerts  4 parked
 * ARGV 1 consumer  2 lease in milliseconds; 0 = leave other owners' alerts alone  3 most alerts to take of each sort
 * Reply {now, mark, claims}: milliseconds since 1970 by Redis's clock; the newest mark among the parked alerts, '' = none is parked;
 *       and {stream id, alert id, record}… of alerts whose owner died, then of those due for a retry, then of new ones.
 *
 * Due times are by Redis's clock alone, so gateways need not agree on theirs. XAUTOCLAIM looks at a few entries only, and returns
 * where to look on: without following it, alerts behind those of a busy owner would never be found.
 */
export const claimScript: Script = {
  name: 'vkClaim',
  lua: `
${PROOF}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claims = {}
local newest = redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local function reply() return {now, newest[2] or '', claims} end
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
redis.call('HGET', KEYS[3], '')
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, most)
if #due == 0 then due = redis.call('ZRANGEBYSCORE', KEYS[2], now + ${FARTHEST}, '+inf', 'LIMIT', 0, most) end
if #due == 0 and redis.call('EXISTS', KEYS[1]) == 0 then return reply() end
if #due > 0 or redis.call('XLEN', KEYS[1]) > 0 then
  prove_zrem(KEYS[2])
  prove_xack(KEYS[1])
  prove_xdel(KEYS[1])
  prove_xadd(KEYS[1])
  prove_xautoclaim(KEYS[1])
  prove_xreadgroup(KEYS[1])
end
local group = redis.pcall('XGROUP', 'CREATE', KEYS[1], '${DISPATCHERS}', '0', 'MKSTREAM')
if group.err and not string.find(group.err, 'BUSYGROUP', 1, true) then return group end
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
return reply()
`,
}

export interface Claimed {
  readonly claims: Claim[]
  /** Changes when an alert is parked; '' = none is. */
  readonly parkedMark: string
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
): Promise<Claimed> {
  const { outbox, retry, alerts, parked } = outboxNames(partition)
  const [now, parkedMark, claims] = (await run(
    redis,
    claimScript,
    [outbox, retry, alerts, parked],
    [consumer, lease, most],
  )) as [now: number, parkedMark: string, claims: ClaimReply]
  return { claims: claimsFrom(partition, claims).map((one) => ({ ...one, takenAt: now })), parkedMark }
}

export type ClaimReply = ReadonlyArray<readonly [streamId: string, id: string, record: string]>

/** Of alerts that this process takes over at their crossing. */
export function claimsFrom(partition: number, reply: ClaimReply): Claim[] {
  return reply.map(([streamId, id, json]) => ({ partition, streamId, id, json, record: recordFrom(json) }))
}

/** When the alert's schedule began, in milliseconds since 1970 by Redis's clock. */
export function scheduleStart({ streamId, record }: Claim): number {
  return record?.since ?? Number.parseInt(streamId, 10)
}
