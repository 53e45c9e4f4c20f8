/** Longest string that is looked at, in bytes; what is longer is cut there. */
export const TEXT_MAX = 256

/** Texts kept for the next time. */
const KEPT_MAX = 16

/** Makes strings of bytes. Those that tell formats apart recur in each event, so the first ones are kept. */
export class Texts {
  private readonly kept = new Map<number, string>()

  /** The bytes as Latin-1, without their escapes being resolved. */
  of(bytes: Buffer, from: number, to: number): string {
    const end = Math.min(to, from + TEXT_MAX)
    const key =
      end - from > 0 ? ((end - from) << 16) | ((bytes[from] as number) << 8) | (bytes[end - 1] as number) : 0
    const known = this.kept.get(key)
    if (known !== undefined && isText(known, bytes, from, end)) return known
    const text = bytes.toString('latin1', from, end)
    if (this.kept.size < KEPT_MAX) this.kept.set(key, text)
    return text
  }
}

function isText(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[from + at]) return false
  return true
}
