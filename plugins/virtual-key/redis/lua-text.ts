/**
 * What the scripts of the ledger have in common, as text that is put where it is needed. Redis makes each Lua function and each table
 * anew with each run, and formats each number that a script hands it, so the common path has no functions, few tables, and text for
 * numbers that it only passes on. `text + 0` is a number as tonumber(text) makes it, in a third of the time, and fails where there is none.
 */

/** Lua expression: an integer as decimal text. @param number Lua expression */
export function exact(number: string): string {
  return `string.format('%.0f', ${number})`
}

/** Lua expression: the text, where it is a whole number, as registry/record.ts reads it; else false or nil. @param text Lua expression without effects */
export function whole(text: string): string {
  return `(${text} and string.match(${text}, '^%d+$'))`
}

/** Lua: from here on `clock` is Redis's time, in milliseconds since 1970, and `seconds` in whole seconds. Needs both as locals. */
export const CLOCK_LUA = `
if not clock then
  local time = redis.call('TIME')
  seconds = time[1] + 0
  clock = seconds * 1000 + math.floor(time[2] / 1000)
end
`
