import type { Command } from 'commander'
import type { Signers } from '../../plugins/virtual-key/outbox/dispatcher.ts'
import { type SigningKey, signingKey } from '../../plugins/virtual-key/outbox/sign.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { inputFrom, OR_STDIN } from './input-file.ts'

/** Adds --secret-file. @param when it is used, such as `with --send: ` */
export function withSecretFile(command: Command, when = ''): Command {
  return command.option(
    '--secret-file <file>',
    `${when}reads signing secrets from a file (${OR_STDIN}), one whsec_… on each line; without it, from VIRTUAL_KEY_SECRETS`,
  )
}

/** Secrets that an operator names. */
export interface NamedSecrets extends Signers {
  /** Those that sign for every configuration; undefined if there are none. */
  readonly common: readonly SigningKey[] | undefined
  /** Whether there are any at all. */
  readonly some: boolean
}

/**
 * Signing secrets for a process that has no plugin configuration: from a file, else from VIRTUAL_KEY_SECRETS. One `whsec_…` a line
 * (or separated by commas) signs for every configuration; `<plugin id> whsec_…` signs for that one alone, and replaces the others
 * there. Without any, nothing that has to be signed is sent.
 * @throws Failure that tells the line but never a secret
 */
export async function secretsFrom(
  file: string | undefined,
  context: Pick<CommandContext, 'env' | 'stdin'>,
): Promise<NamedSecrets> {
  const text =
    file === undefined
      ? (context.env.VIRTUAL_KEY_SECRETS ?? '')
      : await inputFrom('--secret-file', file, context)
  const all: SigningKey[] = []
  const own = new Map<string, SigningKey[]>()
  for (const [i, line] of text.split(/[\n,]/).entries()) {
    const words = line.trim().split(/\s+/)
    const [first = '', second] = words
    if (first === '' || first.startsWith('#')) continue
    const key = parse(second ?? first, i + 1)
    if (second === undefined) all.push(key)
    else own.set(first, [...(own.get(first) ?? []), key])
  }
  const common = all.length > 0 ? all : undefined
  return {
    get: (configuration) => own.get(configuration) ?? common,
    common,
    some: common !== undefined || own.size > 0,
  }
}

function parse(secret: string, line: number): SigningKey {
  try {
    return signingKey(secret)
  } catch (cause) {
    throw new Failure(`signing secrets, line ${line}: ${(cause as Error).message}`, 2, { cause })
  }
}
