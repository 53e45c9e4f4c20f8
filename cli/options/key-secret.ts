import { randomBytes } from 'node:crypto'
import { Failure } from '../failure.ts'
import { inputFrom, type Stdin } from './input-file.ts'

/** The secret that a client sends. It is shown once and never logged; nothing but Kong keeps it. */
export interface KeySecret {
  readonly text: string
  /** Made here, so it has to be shown once; false for the operator's own secret, which is not shown. */
  readonly generated: boolean
}

/** Lets people and secret scanners recognise a secret of virtual-key. */
const PREFIX = 'vk_'
/** Random bytes: 256 bits, which nobody can guess. */
const BYTES = 32

/** Reads the secret from a file (`-` = stdin) or makes a random one. @throws Failure that never contains what was read */
export async function keySecret(file: string | undefined, context: Stdin): Promise<KeySecret> {
  if (file === undefined)
    return { text: `${PREFIX}${randomBytes(BYTES).toString('base64url')}`, generated: true }
  const text = (await inputFrom('--key-file', file, context)).replace(/\r?\n$/, '')
  const problem = unusableSecret(text)
  if (problem !== undefined) throw new Failure(`--key-file: ${problem}`, 2)
  return { text, generated: false }
}

/** Why no client could send this secret; undefined if clients can. The text does not contain the secret. */
export function unusableSecret(text: string): string | undefined {
  // What an HTTP header can carry; servers remove blanks at its ends.
  if (/^[\x21-\x7e]+$/.test(text)) return undefined
  return `its ${text.length} characters are not one word of printable ASCII`
}
