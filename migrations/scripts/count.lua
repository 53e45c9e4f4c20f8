--- Finds the records that a step would change. Follows the file of the step, which defines `lacks`. Writes nothing.
---
--- KEYS  1 index, then the names of the records
--- ARGV  1 JSON: ids  list of the key ids of the records
--- Reply the ids of those that it would change

local args = cjson.decode(ARGV[1])
local index = KEYS[1]

local lacking = {}
for i, id in ipairs(args.ids) do
  local record = KEYS[i + 1]
  if redis.pcall('HEXISTS', record, 'created_at') == 1 and lacks(index, record, id) then
    lacking[#lacking + 1] = id
  end
end
return lacking
