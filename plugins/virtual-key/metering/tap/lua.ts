import { LARGEST } from '../../request/body.ts'
import { NO_SESSION } from '../../request/denial.ts'
import { KEPT_ANSWER_LUA, LOOKUPS } from '../../request/lookups.ts'
import { KEEP, NOTE, TAPPED } from '../../request/note.ts'
import { HIDING, hidingDenial, OVERRIDING, SESSIONS } from '../../request/target.ts'
import { USAGE_HEADERS, USAGE_MARKERS, USAGE_NAMES } from '../../usage/read-usage.ts'
import { LOOKED_AT } from '../estimate/bounded-sample.ts'

/** The start of a body: framing, and usage that some APIs report there. Unit: bytes. */
const HEAD = 16 * 1024
/** The end of a body, where nearly all usage stands; with HEAD no more than the reader keeps. Unit: bytes. */
const TAIL = 240 * 1024
/** Smaller pieces are put together to this size, so that the ring holds few of them. Unit: bytes. */
const BLOCK = 4 * 1024
/** No count has a longer name. Unit: bytes. */
const LONGEST_NAME = 64
/** More than the blocks that TAIL can hold: of two that follow each other, one at least is a BLOCK. */
const SLOTS = 256

function luaTable(lists: Readonly<Record<string, readonly string[]>>): string {
  const entries = Object.entries(lists).map(
    ([name, items]) => `${name} = { ${items.map((item) => `"${item}"`).join(', ')} }`,
  )
  return `{ ${entries.join(', ')} }`
}

/**
 * The tap: Lua for the bundled plugin post-function, by its phase. It runs in Kong's sandbox (untrusted_lua = sandbox), which
 * has neither `require` nor a JSON library, and keeps at most HEAD and TAIL bytes of an answer that the plugin asked for.
 *
 * access       Where the plugin left its note, and only there, response buffering is turned off. Without this plugin on the
 *              route buffering stays on and the plugin counts in its response phase: slower to the client, never for free.
 *              The request's body is changed here as the plugin decided (request/include-usage.ts), because Kong reads what a plugin
 *              server sends in quadratic time: 8 MB through kong.service.request.set_raw_body keep a Kong worker busy for 20 s.
 *              A request whose query hides usage is denied here, where looking at it costs nothing (request/target.ts).
 *              Plain bytes are asked for, because of a compressed body longer than HEAD and TAIL nothing could be read.
 *              Where the note says so, the start of the request's body is kept until the log phase, where Kong has no body any more: as
 *              much as an estimate looks at. A longer one than LARGEST is not read, because Kong reads it as a whole or not at all.
 * body_filter  A table insert per chunk; a chunk is never changed.
 * log          Runs after a hang-up too. Leaves one string: a line of facts as in a URL's query, then the body in base64; where
 *              its middle was dropped, its end in a further line. Nothing is left for what is not counted: a status that
 *              is no 2xx, and a lookup that fetches no stored answer (request/lookups.ts).
 *              The kept request is the fourth line, and there only where it can be needed: the answer broke off, is made in the
 *              background, or no count can be seen in it. A count is a member of a name that the usage reader knows, and a digit
 *              after it; a model cannot write that, because its quotes are escaped.
 */
export const tapLua = {
  access: `
local ngx, kong, pcall, lower, match, sub = ngx, kong, pcall, string.lower, string.match, string.sub
local HIDING = ${luaTable(HIDING)}
local OVERRIDING = ${luaTable(OVERRIDING)}
local LOOKUPS = { ${LOOKUPS.map((method) => `${method} = true`).join(', ')} }
local SESSIONS = { ${SESSIONS.map((segment) => `"/${segment}/"`).join(', ')} }

local function session()
  local path = lower(kong.request.get_path()) .. "/"
  for i = 1, #SESSIONS do
    if string.find(path, SESSIONS[i], 1, true) then return true end
  end
  return false
end

local function refuse(text)
  return kong.response.exit(400, '{"error":"' .. text .. '"}', { ["content-type"] = "application/json" })
end

local function harmless(starts, value)
  if not starts or value == "" then return true end
  for i = 1, #starts do
    if sub(value, 1, #starts[i]) == starts[i] then return true end
  end
  return false
end

local function hiding(query)
  local parameters = ngx.req.get_method() == "GET" and OVERRIDING or HIDING
  for pair in string.gmatch(query, "[^&;]+") do
    local name, value = match(pair, "^([^=]*)=?(.*)")
    name = string.gsub(lower(ngx.unescape_uri(name)), "^%$", "")
    if not harmless(parameters[name], lower(ngx.unescape_uri(value))) then return name end
  end
end

local function change(wish)
  local length, from, to, text = match(wish, "^[${KEEP} ]*(%d+) (%d+) (%d+) ([^\\n]+)")
  if not length then return end
  local body = kong.request.get_raw_body(tonumber(length))
  if body and #body == tonumber(length) then
    kong.service.request.set_raw_body(sub(body, 1, from) .. text .. sub(body, to + 1))
  end
end

local function spends()
  if not LOOKUPS[ngx.req.get_method()] or kong.request.get_header("transfer-encoding") then return true end
  return (tonumber(kong.request.get_header("content-length")) or 0) > 0
end

local function request()
  local length = tonumber(kong.request.get_header("content-length"))
  if length and (length == 0 or length > ${LARGEST}) then return nil, length end
  local read, body = pcall(kong.request.get_raw_body, ${LARGEST})
  if not read or not body then return nil, length end
  return #body > ${LOOKED_AT} and sub(body, 1, ${LOOKED_AT}) or body, #body
end

return function()
  local note = kong.ctx.shared.${NOTE}
  if not note then return end
  local query = kong.request.get_raw_query()
  local name = query ~= "" and hiding(query)
  if name then return refuse('${hidingDenial("' .. name .. '").error}') end
  if spends() and session() then return refuse("${NO_SESSION.error}") end
  change(note)
  local ctx = ngx.ctx
  ctx.buffered_proxying = false
  local fetched = ngx.req.get_method() == "GET" and match(lower(kong.request.get_path()), "${KEPT_ANSWER_LUA}") and true
  local tap = { seen = 0, head = {}, heads = 0, room = ${HEAD}, counts = fetched or spends(), fetched = fetched }
  if sub(note, 1, ${KEEP.length}) == "${KEEP}" then
    tap.keeps = true
    if tap.counts and not fetched then tap.request, tap.sent = request() else tap.sent = 0 end
  end
  ctx.vk_tap = tap
  if kong.request.get_header("accept-encoding") then
    kong.service.request.set_header("accept-encoding", "identity")
  end
end
`,
  body_filter: `
local ngx, find, lower, sub, concat = ngx, string.find, string.lower, string.sub, table.concat
local FILES = { "^image/", "^audio/", "^video/", "^font/" }

local function kept(tap)
  if not tap.counts or tap.status < 200 or tap.status > 299 then return false end
  local kind = ngx.header["content-type"]
  if type(kind) ~= "string" or kind == "" then return true end
  kind = lower(kind)
  for i = 1, #FILES do
    if find(kind, FILES[i]) then return false end
  end
  return true
end

local function push(tap, block)
  local ring, first, last = tap.ring, tap.first, tap.last + 1
  ring[last % ${SLOTS}] = block
  local held = tap.held + #block
  while held - #ring[first % ${SLOTS}] >= ${TAIL} do
    held = held - #ring[first % ${SLOTS}]
    ring[first % ${SLOTS}] = false
    first = first + 1
  end
  tap.first, tap.last, tap.held = first, last, held
end

local function flush(tap)
  if tap.smalls > 0 then push(tap, concat(tap.small, "", 1, tap.smalls)) end
  tap.smalls, tap.gathered = 0, 0
end

local function keep(tap, chunk)
  local size, room = #chunk, tap.room
  tap.seen = tap.seen + size
  if room > 0 then
    tap.heads = tap.heads + 1
    tap.head[tap.heads] = size > room and sub(chunk, 1, room) or chunk
    tap.room = size > room and 0 or room - size
    if size <= room then return end
    chunk, size = sub(chunk, room + 1), size - room
  end
  if not tap.ring then
    tap.ring, tap.first, tap.last, tap.held = {}, 1, 0, 0
    tap.small, tap.smalls, tap.gathered = {}, 0, 0
  end
  if size >= ${BLOCK} then
    flush(tap)
    push(tap, size > ${TAIL} and sub(chunk, -${TAIL}) or chunk)
  else
    tap.smalls, tap.gathered = tap.smalls + 1, tap.gathered + size
    tap.small[tap.smalls] = chunk
    if tap.gathered >= ${BLOCK} then flush(tap) end
  end
end

return function()
  local tap = ngx.ctx.vk_tap
  if not tap then return end
  local chunk = ngx.arg[1]
  if not tap.status then
    tap.status = ngx.status
    tap.kept = kept(tap)
  end
  if ngx.arg[2] then tap.ended = true end
  if not chunk or chunk == "" then return end
  if tap.kept then keep(tap, chunk) else tap.seen = tap.seen + #chunk end
end
`,
  log: `
local ngx, kong, sub, concat, find, match = ngx, kong, string.sub, table.concat, string.find, string.match
local MARKERS = { ${USAGE_MARKERS.map((marker) => `"${marker}"`).join(', ')} }
local NAMES = { ${USAGE_NAMES.map((name) => `${name} = true`).join(', ')} }
local HEADERS = { ${USAGE_HEADERS.map((name) => `"${name}"`).join(', ')} }

local function add(facts, name, value)
  if value and value ~= "" and (type(value) == "string" or type(value) == "number") then
    facts[#facts + 1] = name .. "=" .. ngx.escape_uri(value)
  end
end

local function ends(tap)
  local blocks = {}
  for at = tap.first, tap.last do blocks[#blocks + 1] = tap.ring[at % ${SLOTS}] end
  blocks[#blocks + 1] = concat(tap.small, "", 1, tap.smalls)
  return sub(concat(blocks), -${TAIL})
end

local function counts(text)
  for i = 1, #MARKERS do
    local from, to = find(text, MARKERS[i], 1, true)
    while to do
      local rest = match(text, '^([%w_]*)"%s*:%s*%d', to + 1)
      local start = rest and match(sub(text, from < ${LONGEST_NAME} and 1 or from - ${LONGEST_NAME}, from - 1), "[%w_]*$")
      if rest and NAMES[start .. MARKERS[i] .. rest] then return true end
      from, to = find(text, MARKERS[i], to + 1, true)
    end
  end
  return false
end

return function()
  local ctx, shared = ngx.ctx, kong.ctx.shared
  local tap = ctx.vk_tap
  if not tap then return end
  ctx.vk_tap = nil
  local status = tap.status or ngx.status
  if not tap.counts or (status ~= 499 and (status < 200 or status > 299)) then return end
  local facts = {}
  add(facts, "fetched", tap.fetched and 1)
  add(facts, "status", status)
  add(facts, "seen", tap.seen)
  add(facts, "ended", tap.ended and 1)
  add(facts, "note", shared.${NOTE})
  add(facts, "type", ngx.header["content-type"])
  add(facts, "encoding", ngx.header["content-encoding"])
  for i = 1, #HEADERS do add(facts, HEADERS[i], ngx.header[HEADERS[i]]) end
  local consumer, credential = kong.client.get_consumer(), kong.client.get_credential()
  if consumer then
    add(facts, "consumer", consumer.id)
    add(facts, "username", consumer.username)
    add(facts, "custom_id", consumer.custom_id)
  end
  if credential then add(facts, "credential", credential.id) end
  local service = kong.router.get_service()
  if service then
    add(facts, "service", service.name)
    add(facts, "service_id", service.id)
  end
  local head, tail = concat(tap.head), nil
  if tap.ring then
    tail = ends(tap)
    if tap.seen <= ${HEAD + TAIL} then head, tail = head .. tail, nil end
  end
  local lines = { "", ngx.encode_base64(head), tail and ngx.encode_base64(tail) or "", "" }
  local begun = find(head, '"background"%s*:%s*true')
  if tap.keeps and (begun or not (tap.ended and (counts(head) or tail and counts(tail)))) then
    add(facts, "sent", tap.sent or ngx.var.request_length)
    add(facts, "sent_type", kong.request.get_header("content-type"))
    add(facts, "sent_encoding", kong.request.get_header("content-encoding"))
    add(facts, "path", kong.request.get_path())
    lines[4] = tap.request and ngx.encode_base64(tap.request) or ""
  end
  lines[1] = concat(facts, "&")
  shared.${TAPPED} = concat(lines, "\\n")
end
`,
} as const
