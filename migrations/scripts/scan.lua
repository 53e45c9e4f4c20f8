--- One step of a SCAN for hashes.
---
--- KEYS  1 any name of the partition: Redis finds its node by it
--- ARGV  1 JSON:
---         run_id   text: of the server that gave the cursor
---         cursor   text
---         pattern  text
---         count    names to look at
--- Reply {run id, cursor, names}
---
--- A cursor means something only to the server process that gave it: names are hashed by a seed that is new with every start. For
--- another one (a restart, a replica that took over, a slot that moved) the walk starts anew.

local args = cjson.decode(ARGV[1])
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local cursor = run_id == args.run_id and args.cursor or '0'
local found = redis.call('SCAN', cursor, 'MATCH', args.pattern, 'COUNT', args.count, 'TYPE', 'hash')
return { run_id, found[1], found[2] }
