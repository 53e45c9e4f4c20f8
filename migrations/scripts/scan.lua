--- One step of a SCAN for hashes.
---
--- KEYS  1 any name of the partition, by which Redis finds the node
--- ARGV  1 JSON:
---         run_id   text: of the server that returned the cursor
---         cursor   text
---         pattern  text
---         count    names to look at
--- Reply {run id, cursor, names}
---
--- A cursor is valid only in the server process that returned it, because names are hashed by a seed that changes with every start. On
--- another server (after a restart, a failover, or the move of a slot) the walk starts again.

local args = cjson.decode(ARGV[1])
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local cursor = run_id == args.run_id and args.cursor or '0'
local found = redis.call('SCAN', cursor, 'MATCH', args.pattern, 'COUNT', args.count, 'TYPE', 'hash')
return { run_id, found[1], found[2] }
