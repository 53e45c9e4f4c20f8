import { callable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { Failure } from '../failure.ts'
import { inputFrom, type Stdin } from './input-file.ts'

/**
 * A webhook's URL as an option gives it, `-` = stdin. The path of a chat webhook is a secret too, but one that operators paste;
 * credentials before the host are refused among the arguments, where every user of the machine could read them.
 * @throws Failure that does not tell the URL
 */
export async function webhookUrl(option: string, value: string, context: Stdin): Promise<string> {
  const url = value === '-' ? (await inputFrom(option, value, context)).trim() : value
  try {
    callable(url)
  } catch (cause) {
    throw new Failure(`${option}: ${(cause as Error).message}`, 2, { cause })
  }
  if (value !== '-' && hasCredentials(url)) {
    throw new Failure(`${option}: credentials do not belong among the arguments: use - and stdin`, 2)
  }
  return url
}

/** Whether a text is a URL with a user name or a password. A user name alone is often a token. */
export function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username !== '' || password !== ''
}
