import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, processName } from '../../telemetry/process-name.ts'
import { Segment } from './segment.ts'

/** The parts of a file's name: Redis, process, runtime in the process, number. */
const FILE = /^([0-9a-f]+)\.(\d+-\d+)\.([0-9a-f]+)\.(\d+)\.usage$/

/**
 * The folder of usage records that outlive their process. The name of a file contains the Redis of its records and the process that owns
 * it. A file of a living process is left alone; a file of a process that has ended is taken over by a process with the same Redis.
 * Kong runs two plugin servers with the same prefix only for some seconds of a reload. If two processes settle the same file nevertheless,
 * the records count once, because they have ids.
 */
export class SpoolFolder {
  readonly path: string
  readonly #process = processName(process.pid)
  /** Runtimes of this process that still work on their files, and the Redis of each. */
  readonly #living = new Map<string, string>()
  #number = 0

  constructor(path: string) {
    this.path = path
  }

  /** From now on until `leave`, the files of this runtime belong to it. @param redis names the Redis that it uses */
  enter(runtime: string, redis: string): void {
    this.#living.set(runtime, redis)
  }

  leave(runtime: string): void {
    this.#living.delete(runtime)
  }

  /** @param redis names the Redis @throws Error of the file system */
  create(redis: string, runtime: string): Segment {
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
    return Segment.create(this.#newPath(redis, runtime))
  }

  /** Takes over the files that ended processes have left for a Redis, the oldest first. @throws Error of the file system */
  takeOver(redis: string, runtime: string): Segment[] {
    return this.#left((to) => to === redis).flatMap((name) => {
      try {
        return [Segment.takeOver(join(this.path, name), this.#newPath(redis, runtime))]
      } catch (error) {
        if (isMissing(error)) return []
        throw error
      }
    })
  }

  /** Names of at most 10 files without an owner, for a Redis that no runtime of this process uses. Never throws. */
  unclaimed(): string[] {
    const used = new Set(this.#living.values())
    try {
      return this.#left((to) => !used.has(to)).slice(0, 10)
    } catch {
      // The error is reported when something is written there.
      return []
    }
  }

  /** Files without an owner, the oldest first. @throws Error of the file system */
  #left(isFor: (redis: string) => boolean): string[] {
    let names: string[]
    try {
      names = readdirSync(this.path)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
    const left = names.filter((name) => {
      const [, to, owner = '', runtime = ''] = FILE.exec(name) ?? []
      if (to === undefined || !isFor(to)) return false
      return owner === this.#process ? !this.#living.has(runtime) : !isAlive(owner)
    })
    const numberOf = (name: string) => Number(FILE.exec(name)?.[4])
    return left.sort((a, b) => numberOf(a) - numberOf(b))
  }

  #newPath(redis: string, runtime: string): string {
    return join(this.path, `${redis}.${this.#process}.${runtime}.${this.#number++}.usage`)
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
