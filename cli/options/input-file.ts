import { readFileSync, readSync } from 'node:fs'
import { Failure } from '../failure.ts'

/** What the help of every such option says. */
export const OR_STDIN = '- = stdin'

/** Between two looks at a stdin that has nothing yet. Unit: milliseconds. */
const PAUSE = 20

/**
 * The text of a file that an option names, `-` = stdin.
 * @throws Failure that names the option and never what was read, with exit code 2
 */
export function inputFrom(option: string, file: string): string {
  try {
    return file === '-' ? stdin() : readFileSync(file, 'utf8')
  } catch (cause) {
    throw new Failure(`${option}: ${(cause as Error).message}`, 2, { cause })
  }
}

/** To its end. A pipe or terminal that somebody made non-blocking says EAGAIN until there is something. */
function stdin(): string {
  const pieces: Buffer[] = []
  const piece = Buffer.alloc(65_536)
  for (;;) {
    try {
      const length = readSync(0, piece)
      if (length === 0) return Buffer.concat(pieces).toString('utf8')
      pieces.push(Buffer.from(piece.subarray(0, length)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
    }
  }
}
