import { lauxlib, lua, lualib, type State, to_luastring } from 'fengari'

/** Values that JavaScript and Lua exchange; undefined is nil. Strings are bytes in Lua. */
export type LuaValue = string | Uint8Array | number | boolean | undefined

/** Handles the calls of Lua to its host. Strings arrive as bytes. */
export type Host = (what: string, args: readonly (Uint8Array | number | undefined)[]) => LuaValue

/** A Lua interpreter (5.3, where Kong has LuaJIT's 5.1: code has to stay within what both understand). */
export class Lua {
  readonly #state: State = lauxlib.luaL_newstate()

  /** @param host answers Lua's global function `host(what, …)` */
  constructor(host: Host) {
    lualib.luaL_openlibs(this.#state)
    lua.lua_pushjsfunction(this.#state, (state) => {
      const args = [2, 3].map((index) => valueAt(state, index))
      push(state, host(String(Buffer.from(lua.lua_tostring(state, 1) ?? [])), args))
      return 1
    })
    lua.lua_setglobal(this.#state, to_luastring('host'))
  }

  /**
   * Compiles a chunk. If its first run returns a function, that function replaces the chunk, and runs at once.
   * @returns what runs it  @throws Error with Lua's message, also when it runs
   */
  compile(code: string, name: string): () => void {
    const state = this.#state
    const bytes = to_luastring(code)
    this.#check(lauxlib.luaL_loadbuffer(state, bytes, bytes.length, to_luastring(`=${name}`)))
    let ref = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX)
    const run = (): void => {
      lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, ref)
      this.#check(lua.lua_pcall(state, 0, 1, 0))
      if (lua.lua_type(state, -1) === lua.LUA_TFUNCTION) {
        ref = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX)
        run()
      } else lua.lua_pop(state, 1)
    }
    return run
  }

  #check(status: number): void {
    if (status === lua.LUA_OK) return
    const message = Buffer.from(lauxlib.luaL_tolstring(this.#state, -1)).toString()
    lua.lua_pop(this.#state, 2)
    throw new Error(message)
  }
}

function valueAt(state: State, index: number): Uint8Array | number | undefined {
  const type = lua.lua_type(state, index)
  if (type === lua.LUA_TNUMBER) return lua.lua_tonumber(state, index)
  return type === lua.LUA_TSTRING ? (lua.lua_tostring(state, index) ?? undefined) : undefined
}

function push(state: State, value: LuaValue): void {
  if (value === undefined) lua.lua_pushnil(state)
  else if (typeof value === 'boolean') lua.lua_pushboolean(state, value)
  else if (typeof value === 'number') lua.lua_pushinteger(state, value)
  else lua.lua_pushstring(state, value)
}
