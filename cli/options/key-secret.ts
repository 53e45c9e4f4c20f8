import { randomBytes } from 'node:crypto'
import { Failure } from '../failure.ts'
import { inputFrom, type Stdin } from './input-file.ts'

/** The secret that a client sends. It is shown once and never logged; nothing but Kong keeps it. */
export interface KeySecret {
  readonly text: string
  /** Drawn here, so that nobody knows it yet; else the operator's own, which is not shown. */
  readonly generated: boolean
}

/** Says whose it is to whoever finds one, people and secret scanners alike. */
const PREFIX = 'vk_'
/** As many as cannot be guessed. */
const BYTES = 32

/** From a file, `-` = stdin, else drawn at random. @throws Failure that never tells what it read */
export async function keySecret(file: string | undefined, context: Stdin): Promise<KeySecret> {
  if (file === undefined)
    return { text: `${PREFIX}${randomBytes(BYTES).toString('base64url')}`, generated: true }
  const text = (await inputFrom('--key-file', file, context)).replace(/\r?\n$/, '')
  const problem = unusableSecret(text)
  if (problem !== undefined) throw new Failure(`--key-file: ${problem}`, 2)
  return { text, generated: false }
}

/** Why no client could send this secret, without the secret; undefined: clients can. */
export function unusableSecret(text: string): string | undefined {
  // What an HTTP header can carry, without the blanks at its ends that servers take off.
  if (/^[\x21-\x7e]+$/.test(text)) return undefined
  return `its ${text.length} characters are not one word of printable ASCII`
}
