import { readFile } from 'node:fs/promises'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'

/** Said in the help of every option that can read stdin. */
export const OR_STDIN = '- reads stdin'

export type Stdin = Pick<CommandContext, 'stdin'>

/**
 * The text of a file that an option names, `-` = stdin.
 * @throws Failure that names the option and never what was read, with exit code 2
 */
export async function inputFrom(option: string, file: string, { stdin }: Stdin): Promise<string> {
  try {
    return file === '-' ? await textOf(stdin) : await readFile(file, 'utf8')
  } catch (cause) {
    throw new Failure(`${option}: ${(cause as Error).message}`, 2, { cause })
  }
}

async function textOf(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of stdin) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}
