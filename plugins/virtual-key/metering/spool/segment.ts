import { closeSync, fsync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { UsageRecord } from '../usage-record.ts'
import { type Lines, lineOf, linesOf } from './record-line.ts'

const sync = promisify(fsync)

/** One file of a spool: usage records, appended and never changed. It is deleted when all of them are settled. */
export class Segment {
  readonly path: string
  #descriptor: number | undefined
  #bytes: number
  #lines = 0
  #settled = 0
  #dirty = false

  private constructor(path: string, descriptor: number | undefined, bytes: number) {
    this.path = path
    this.#descriptor = descriptor
    this.#bytes = bytes
  }

  /** A new file that only this user may read, because it contains webhook URLs. @throws Error of the file system */
  static create(path: string): Segment {
    return new Segment(path, openSync(path, 'ax', 0o600), 0)
  }

  /** Takes over a file of a process that ended. @throws Error of the file system, ENOENT if another process was faster */
  static takeOver(from: string, path: string): Segment {
    renameSync(from, path)
    return new Segment(path, undefined, statSync(path).size)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Records that this process has appended or read, and that are not settled yet. */
  get open(): number {
    return this.#lines - this.#settled
  }

  get lines(): number {
    return this.#lines
  }

  /** Whether records can be appended. */
  get writable(): boolean {
    return this.#descriptor !== undefined
  }

  /**
   * Appends one record. When this returns the file system has the record, so it survives the death of the process.
   * @throws Error of the file system; then the last line may be incomplete, and nothing more is appended to the file
   */
  append(record: UsageRecord): void {
    if (this.#descriptor === undefined) throw new Error(`${this.path} is closed`)
    const line = Buffer.from(lineOf(record))
    try {
      const written = writeSync(this.#descriptor, line)
      this.#bytes += written
      if (written < line.length) throw new Error('ENOSPC: a part of the record could not be written')
    } catch (error) {
      this.close()
      throw error
    }
    this.#lines++
    this.#dirty = true
  }

  /** Makes the disk store what was appended, so that it survives a crash of the machine. Never throws. */
  async sync(): Promise<void> {
    if (!this.#dirty || this.#descriptor === undefined) return
    this.#dirty = false
    // A failing disk is noticed at the next append.
    await sync(this.#descriptor).catch(() => undefined)
  }

  /** Reads a file that this process has taken over or written. @throws Error of the file system */
  read(): Lines {
    const lines = linesOf(readFileSync(this.path, 'utf8'))
    this.#lines = lines.records.length
    this.#settled = 0
    return lines
  }

  settled(): void {
    this.#settled++
  }

  /** Ends appending. The file stays. */
  close(): void {
    if (this.#descriptor === undefined) return
    closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  /** Never throws. */
  remove(): void {
    this.close()
    try {
      rmSync(this.path, { force: true })
    } catch {
      // The next process reads the file again; its records have ids, so nothing is counted twice.
    }
  }
}
