--- Puts back what Redis has lost of counters, and never takes anything away: the greatest of what all processes know stands. That
--- there was a loss is written down with its time: the partition has another generation, or a counter is less than it was.
---
--- KEYS  1 schema  2 none, then the key and the counter of each
--- ARGV  1 JSON:
---         schema      text: the newest schema that the caller knows
---         generation  text: that the caller knows
---         counters    list of {key, counter, epoch, total, ends}: their names, which stand in KEYS too; what the caller saw last; and
---                     the seconds since 1970 at which the window ends; absent: never
--- Reply {'schema', version}: Redis holds a newer one | {generation, number of counters put back}

--- @include "clock"
--- @include "numbers"
--- @include "lifetimes"

--- Milliseconds: a loss that is found within this after another belongs to it.
local SAME_LOSS = 60000

local args = cjson.decode(ARGV[1])
local schema_name, none = KEYS[1], KEYS[2]
local known_generation = args.generation

local schema = redis.call('HMGET', schema_name, 'version', 'generation', 'lost')
if (schema[1] or 0) + 0 > args.schema + 0 then
  return { 'schema', schema[1] + 0 }
end
local clock, seconds = read_clock()

--- @include "generation"

local behind = {}
for _, known in ipairs(args.counters) do
  local record = redis.call('HMGET', known.key, 'epoch', 'created_at')
  local stored_epoch = (record[1] or 0) + 0
  local stored = (redis.call('GET', known.counter) or 0) + 0
  local over = known.ends and known.ends + OUTLIVE <= seconds
  if not over and (known.epoch > stored_epoch or known.epoch == stored_epoch and known.total > stored) then
    known.renewed = known.epoch > stored_epoch
    known.registered = record[2]
    behind[#behind + 1] = known
  end
end
if #behind > 0 and not lost and clock - (schema[3] or 0) > SAME_LOSS then
  lost = clock
end
if #behind > 0 then
  redis.call('EXPIRE', none, 1)
  redis.call('SET', none, '', 'XX')
end

-- From here on it writes, with HSET first.
--- @include "keep-generation"
for _, known in ipairs(behind) do
  if known.renewed then
    redis.call('HSET', known.key, 'epoch', exact(known.epoch))
  end
end
for _, known in ipairs(behind) do
  if known.ends then
    redis.call('SET', known.counter, exact(known.total), 'EXAT', math.max(known.ends, seconds) + OUTLIVE)
  elseif known.registered then
    redis.call('SET', known.counter, exact(known.total))
  else
    redis.call('SET', known.counter, exact(known.total), 'EX', FORGET_AFTER)
  end
  if known.renewed and not known.registered then
    redis.call('EXPIRE', known.key, FORGET_AFTER)
  end
end
return { generation, #behind }
