import { closeSync, fsync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { UsageRecord } from '../usage-record.ts'
import { type Lines, lineOf, linesOf } from './record-line.ts'

const sync = promisify(fsync)

/** One file of a spool: usage records, appended and never changed. It goes away when all of them are settled. */
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

  /** A new file, which only this user may read: webhook URLs stand in it. @throws Error of the file system */
  static create(path: string): Segment {
    return new Segment(path, openSync(path, 'ax', 0o600), 0)
  }

  /** Takes over a file of a process that ended. @throws Error of the file system, ENOENT where another process was faster */
  static takeOver(from: string, path: string): Segment {
    renameSync(from, path)
    return new Segment(path, undefined, statSync(path).size)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Records that this process has appended or read, and not settled. */
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
   * Appends one record; the file system has it when this returns, so that the process may be killed.
   * @throws Error of the file system; then the end of the file may be torn, and nothing more is appended to it
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

  /** Hands what was appended to the disk, where it outlives a crash of the machine. Never throws. */
  async sync(): Promise<void> {
    if (!this.#dirty || this.#descriptor === undefined) return
    this.#dirty = false
    // A disk that fails shows when something is appended.
    await sync(this.#descriptor).catch(() => undefined)
  }

  /** Reads a file that was taken over, or that this process has written. @throws Error of the file system */
  read(): Lines {
    const lines = linesOf(readFileSync(this.path, 'utf8'))
    this.#lines = lines.records.length
    this.#settled = 0
    return lines
  }

  settled(): void {
    this.#settled++
  }

  /** Appends no more. The file stays. */
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
      // The next process reads it once more, and counts nothing twice.
    }
  }
}
