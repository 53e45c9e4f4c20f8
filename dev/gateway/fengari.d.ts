// fengari 0.1.5 has no declarations. These are the members used here, named as in Lua's C API (Lua 5.3 manual, 4.8 and 5.1).

declare module 'fengari' {
  /** One Lua interpreter. */
  export interface State {
    readonly lua: unique symbol
  }
  type Bytes = Uint8Array

  export const lua: {
    readonly LUA_OK: number
    readonly LUA_REGISTRYINDEX: number
    readonly LUA_TFUNCTION: number
    readonly LUA_TNUMBER: number
    readonly LUA_TSTRING: number
    lua_pushboolean(L: State, value: boolean): void
    lua_pushinteger(L: State, value: number): void
    lua_pushjsfunction(L: State, fn: (L: State) => number): void
    lua_pushnil(L: State): void
    /** A JavaScript string becomes its UTF-8 bytes. */
    lua_pushstring(L: State, value: string | Bytes): void
    lua_pcall(L: State, args: number, results: number, handler: number): number
    lua_pop(L: State, n: number): void
    lua_setglobal(L: State, name: Bytes): void
    lua_rawgeti(L: State, index: number, n: number): number
    lua_tostring(L: State, index: number): Bytes | null
    lua_tonumber(L: State, index: number): number
    lua_type(L: State, index: number): number
  }

  export const lauxlib: {
    luaL_loadbuffer(L: State, code: Bytes, size: number, name: Bytes): number
    luaL_newstate(): State
    luaL_ref(L: State, table: number): number
    luaL_tolstring(L: State, index: number): Bytes
  }

  export const lualib: { luaL_openlibs(L: State): void }

  export function to_luastring(text: string): Bytes
}
