/**
 * Lets a fixed number of tasks run at once for each name and queues the rest, so that one webhook that hangs uses up its own lane
 * and nobody else's.
 */
export class Bulkhead {
  readonly #width: number
  readonly #longest: number
  readonly #lanes = new Map<string, { running: number; readonly waiting: Array<() => void> }>()

  /** @param width tasks at once in a lane @param longest tasks waiting in a lane */
  constructor(width: number, longest: number) {
    this.#width = width
    this.#longest = longest
  }

  /** Runs the task now or when its lane has room. false: the lane is full and the task will not run. */
  run(name: string, task: () => Promise<void>): boolean {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = { running: 0, waiting: [] }
      this.#lanes.set(name, lane)
    }
    if (lane.running >= this.#width && lane.waiting.length >= this.#longest) return false
    const start = () => {
      void task().finally(() => this.#leave(name))
    }
    if (lane.running >= this.#width) {
      lane.waiting.push(start)
    } else {
      lane.running++
      start()
    }
    return true
  }

  #leave(name: string): void {
    const lane = this.#lanes.get(name)
    if (lane === undefined) return
    const next = lane.waiting.shift()
    if (next !== undefined) next()
    else if (--lane.running === 0) this.#lanes.delete(name)
  }
}
