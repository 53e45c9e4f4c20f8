/** Headers as nginx treats them: case is ignored (and `_` means `-`), while order and repetition are kept for the other side. */
export class HeaderMap {
  readonly #entries = new Map<string, { name: string; values: string[] }>()

  /** @param raw alternating names and values, as `IncomingMessage.rawHeaders` */
  static fromRaw(raw: readonly string[]): HeaderMap {
    const map = new HeaderMap()
    for (let i = 0; i + 1 < raw.length; i += 2) map.add(raw[i] ?? '', raw[i + 1] ?? '')
    return map
  }

  clone(): HeaderMap {
    const copy = new HeaderMap()
    for (const [key, { name, values }] of this.#entries) copy.#entries.set(key, { name, values: [...values] })
    return copy
  }

  add(name: string, value: string): void {
    const entry = this.#entries.get(keyOf(name))
    if (entry) entry.values.push(value)
    else this.#entries.set(keyOf(name), { name, values: [value] })
  }

  set(name: string, ...values: string[]): void {
    this.#entries.set(keyOf(name), { name, values })
  }

  delete(name: string): void {
    this.#entries.delete(keyOf(name))
  }

  /** Takes over every header of another message; where both have one, the other's values win. */
  overlay(other: HeaderMap): void {
    for (const [key, { name, values }] of other.#entries)
      this.#entries.set(key, { name, values: [...values] })
  }

  get(name: string): string | undefined {
    return this.#entries.get(keyOf(name))?.values[0]
  }

  getAll(name: string): string[] {
    return this.#entries.get(keyOf(name))?.values ?? []
  }

  has(name: string): boolean {
    return this.#entries.has(keyOf(name))
  }

  /** Lower-case name and values of the first `max` headers; Kong never hands out more. */
  *entries(max = Number.POSITIVE_INFINITY): Generator<[string, string[]]> {
    let left = max
    for (const { name, values } of this.#entries.values()) {
      if (left <= 0) return
      const some = values.slice(0, left)
      left -= some.length
      yield [name.toLowerCase(), some]
    }
  }

  toRaw(): string[] {
    const raw: string[] = []
    for (const { name, values } of this.#entries.values()) for (const value of values) raw.push(name, value)
    return raw
  }
}

function keyOf(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower
}

/** Node reads header bytes as Latin-1; the plugin gets the same bytes and reads UTF-8. */
export function utf8(value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 127) return Buffer.from(value, 'latin1').toString('utf8')
  }
  return value
}
