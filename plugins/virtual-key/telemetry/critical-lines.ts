/** Lines kept until a phase can say them; the eldest gives way. About 50 KB. */
const MOST = 100

/**
 * What an operator must see and no phase has said yet. Kong takes a plugin server's own output into its error log at level info,
 * which its default level (notice) hides; only `kong.log`, inside a phase, reaches further. So a line waits here for the next
 * phase of any request. Where no request comes, the line stands in the plugin server's output alone, and `vk doctor` tells the rest.
 */
export class CriticalLines {
  readonly #lines: string[] = []
  #lost = 0

  /** Keeps a line. Never throws, so that it can be called from any handler. */
  add(line: string): void {
    if (this.#lines.length >= MOST) {
      this.#lines.shift()
      this.#lost++
    }
    this.#lines.push(line)
  }

  /** Whether there is anything to say. Costs nothing, because every phase asks. */
  get pending(): boolean {
    return this.#lines.length > 0
  }

  /** The eldest line, which is then said; undefined: none. It tells how many older ones gave way before it. */
  take(): string | undefined {
    const line = this.#lines.shift()
    if (line === undefined || this.#lost === 0) return line
    const lost = this.#lost
    this.#lost = 0
    return `${line} (and ${lost} older lines, only in the output of the plugin server)`
  }
}
