/** Pauses that end early when there is a reason to try again at once. */
export class Pauses {
  readonly #wakers = new Set<() => void>()

  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#wakers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, milliseconds)
      this.#wakers.add(wake)
    })
  }

  /** Ends every pause of this moment. */
  end(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}
