-- Scripts that Redis runs. https://redis.io/docs/latest/develop/interact/programmability/lua-api/
std = "lua51"
read_globals = { "KEYS", "ARGV", "redis", "cjson" }
max_line_length = 140
-- An include stands in a block besides standing in the script, and a step may leave arguments unused.
ignore = { "4..", "212" }
