import { BUNDLED } from '../../schema/kong/plugins.ts'
import type { PluginConfiguration } from './entities.ts'
import { type Exchange, JSON_TYPE } from './exchange.ts'
import type { Log } from './log.ts'
import { Lua, type LuaValue } from './lua.ts'
import { variable } from './pdk-call.ts'
import { BODY_BUFFER } from './pdk-request.ts'
import { responseHeaders } from './pdk-response.ts'
import type { GatewayPlugin } from './plan.ts'
import { unescapedBytes } from './query-string.ts'

/** The phases that this gateway runs. */
type LuaPhase = 'access' | 'body_filter' | 'log'

/**
 * Kong's post-function, for Lua that uses only those parts of `ngx` and `kong` that are here, such as the tap. As in Kong, a chunk that
 * returns a function runs once, and after that the function runs. An error in Lua is logged, and in access it is answered with 500.
 */
export function postFunction(log: Log): GatewayPlugin {
  const programs = new WeakMap<PluginConfiguration, Program>()
  const programOf = (configuration: PluginConfiguration): Program => {
    const existing = programs.get(configuration)
    if (existing) return existing
    const made = new Program(configuration)
    programs.set(configuration, made)
    return made
  }
  const logged = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      log('err', `post-function: ${String(error)}`)
    }
  }
  return {
    name: 'post-function',
    priority: BUNDLED['post-function'].priority,
    access: async (exchange, configuration) => {
      // Kong reads it whole before it proxies, and Lua asks for it without waiting.
      const body = await exchange.readBody()
      programOf(configuration).run('access', exchange, exchange.newBody ?? body)
    },
    bodyFilter: (exchange, configuration, chunk, last) =>
      logged(() => programOf(configuration).run('body_filter', exchange, chunk, last)),
    log: (exchange, configuration) => logged(() => programOf(configuration).run('log', exchange)),
  }
}

/** The Lua of one configuration, in an interpreter of its own. */
class Program {
  readonly #lua = new Lua((what, args) => this.#answer(what, args))
  readonly #phases: Record<LuaPhase, ReadonlyArray<() => void>>
  /** Drops the request's ngx.ctx. */
  readonly #forget: () => void
  #exchange: Exchange | undefined
  #chunk: Uint8Array = new Uint8Array()
  #last = false

  constructor({ config }: PluginConfiguration) {
    const compiled = (phase: LuaPhase) =>
      ((config[phase] as string[] | undefined) ?? []).map((code, at) => {
        return this.#lua.compile(code, `${phase}[${at + 1}]`)
      })
    this.#lua.compile(PRELUDE, 'prelude')()
    this.#forget = this.#lua.compile('forget()', 'forget')
    this.#phases = { access: compiled('access'), body_filter: compiled('body_filter'), log: compiled('log') }
  }

  run(phase: LuaPhase, exchange: Exchange, chunk: Uint8Array = new Uint8Array(), last = false): void {
    this.#exchange = exchange
    this.#chunk = chunk
    this.#last = last
    for (const work of this.#phases[phase]) work()
    if (phase === 'log') this.#forget()
  }

  #answer(what: string, args: readonly (Uint8Array | number | undefined)[]): LuaValue {
    const exchange = this.#exchange
    if (!exchange) return undefined
    const [first, second] = args.map((arg) => (typeof arg === 'object' ? Buffer.from(arg) : arg))
    const name = String(first)
    switch (what) {
      case 'id':
        return exchange.id
      case 'body':
        return Number(first) > 0 && this.#chunk.length > Math.max(BODY_BUFFER, Number(first))
          ? undefined
          : this.#chunk
      case 'chunk':
        return this.#chunk
      case 'last':
        return this.#last
      case 'status':
        return exchange.status
      case 'method':
        return exchange.method
      case 'path':
        return exchange.path
      case 'variable':
        return variable(exchange, name)
      case 'response header':
        return responseHeaders(exchange, 'log').get(name)
      case 'request header':
        return exchange.headers.get(name)
      case 'set request header':
        return void exchange.headers.set(name, String(second))
      case 'query':
        return exchange.query ?? ''
      case 'exit':
        exchange.answer = {
          status: Number(first),
          body: second as Buffer,
          headers: [['Content-Type', JSON_TYPE]],
          source: 'exit',
        }
        return undefined
      case 'set body':
        exchange.newBody = first as Buffer
        return undefined
      case 'shared':
        return exchange.shared.get(name) as LuaValue
      case 'share':
        return void exchange.shared.set(name, second === undefined ? undefined : String(second))
      case 'buffer':
        return void exchange.ctx.set('buffered_proxying', second === 1)
      case 'consumer':
      case 'credential':
      case 'service':
        return (exchange[what] as Record<string, LuaValue> | undefined)?.[name]
      case 'base64':
        return (first as Buffer).toString('base64')
      case 'escape':
        return encodeURIComponent(name)
      case 'unescape':
        return unescapedBytes((first as Buffer).toString('latin1'))
    }
    throw new Error(`${what} is not supported by the development gateway`)
  }
}

/** The supported parts of `ngx` and `kong`, for the current request. */
const PRELUDE = `
local host, contexts = host, {}
local function reading(what) return function(_, name) return host(what, name) end end
local function entity(what, ...)
  local names = { ... }
  return function()
    local found = {}
    for _, name in ipairs(names) do found[name] = host(what, name) end
    if next(found) then return found end
  end
end

local context = { __newindex = function(self, name, value)
  if name == "buffered_proxying" then host("buffer", name, value and 1 or 0) else rawset(self, name, value) end
end }

ngx = setmetatable({
  arg = setmetatable({}, { __index = function(_, i) return host(i == 1 and "chunk" or "last") end }),
  header = setmetatable({}, { __index = reading("response header") }),
  var = setmetatable({}, { __index = reading("variable") }),
  req = { get_method = function() return host("method") end },
  encode_base64 = function(text) return host("base64", text) end,
  escape_uri = function(text) return host("escape", tostring(text)) end,
  unescape_uri = function(text) return host("unescape", text) end,
}, { __index = function(_, name)
  if name == "status" then return host("status") end
  if name ~= "ctx" then error("ngx." .. name .. " is not supported by the development gateway") end
  local id = host("id")
  contexts[id] = contexts[id] or setmetatable({}, context)
  return contexts[id]
end })

kong = {
  ctx = { shared = setmetatable({}, {
    __index = reading("shared"),
    __newindex = function(_, name, value) host("share", name, value) end,
  }) },
  client = {
    get_consumer = entity("consumer", "id", "username", "custom_id"),
    get_credential = entity("credential", "id"),
  },
  router = { get_service = entity("service", "id", "name") },
  request = {
    get_header = function(name) return host("request header", name) end,
    get_path = function() return host("path") end,
    get_raw_body = function(longest) return host("body", longest) end,
    get_raw_query = function() return host("query") end,
  },
  response = { exit = function(status, body) host("exit", status, body) end },
  service = { request = {
    set_header = function(name, value) host("set request header", name, value) end,
    set_raw_body = function(body) host("set body", body) end,
  } },
}

forget = function() contexts[host("id")] = nil end
`
