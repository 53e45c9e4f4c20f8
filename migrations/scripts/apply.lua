--- Applies a step to records, and stores the position. Follows the file of the step, which defines `lacks`, `try` and `change`.
---
--- KEYS  1 lock  2 progress  3 index  4 none, then the names of the records
--- ARGV  1 JSON:
---         token   text: of the lock
---         cursor  text: where to go on from
---         ids     list of the key ids of the records
--- Reply number of records changed; -1 = another process has the lock, and nothing was written
---
--- A value without `created_at`, or of another type than a hash, is not a record and stays as it is. The progress is written first, with
--- HSET; before that the script has tried whether it may call the commands by which the step writes.

local args = cjson.decode(ARGV[1])
local lock, progress, index, none = unpack(KEYS)

if redis.call('GET', lock) ~= args.token then
  return -1
end
local lacking = {}
for i, id in ipairs(args.ids) do
  local record = KEYS[i + 4]
  local created = redis.pcall('HGET', record, 'created_at')
  if type(created) == 'table' and not string.find(created.err, 'WRONGTYPE') then
    return created
  end
  if type(created) == 'string' and lacks(index, record, id) then
    lacking[#lacking + 1] = { id = id, record = record }
  end
end
local looked = tonumber(redis.call('HGET', progress, 'looked') or 0) + #args.ids
try(index, none)

-- From here on it writes.
redis.call('HSET', progress, 'cursor', args.cursor, 'looked', looked)
for _, one in ipairs(lacking) do
  change(index, one.record, one.id)
end
return #lacking
