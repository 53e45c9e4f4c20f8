/** Schema fields carry Lua patterns, not regular expressions. Only what translates exactly is taken. */
const CLASSES: Record<string, string> = {
  a: 'A-Za-z',
  d: '0-9',
  l: 'a-z',
  s: ' \\t-\\r',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: '0-9A-Fa-f',
}

export function luaPattern(pattern: string): RegExp {
  let source = ''
  let inSet = false
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i)
    if (char === '%') {
      const next = pattern.charAt(++i)
      const known = CLASSES[next]
      if (known) source += inSet ? known : `[${known}]`
      else if (/[A-Za-z0-9]/.test(next) || next === '') throw new Error(`Lua pattern '${pattern}': %${next}`)
      else source += `\\${next}`
    } else if (inSet) {
      inSet = char !== ']'
      source += char === '\\' || char === '[' ? `\\${char}` : char
    } else if (char === '[') {
      inSet = true
      source += char
    } else if (char === '-') source += '*?'
    else if ('^$.*+?()'.includes(char)) source += anchor(char, i, pattern)
    else source += /[\\/{}|\]]/.test(char) ? `\\${char}` : char
  }
  return new RegExp(source, 's')
}

/** `^` and `$` are anchors only at the ends of a Lua pattern. */
function anchor(char: string, at: number, pattern: string): string {
  if (char === '^' && at > 0) return '\\^'
  if (char === '$' && at < pattern.length - 1) return '\\$'
  return char
}
