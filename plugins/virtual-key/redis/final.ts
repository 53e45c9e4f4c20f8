import { replyCode, replyText } from './reply.ts'

/** What Redis and Lua say of data that is no number where there should be one. */
const NO_NUMBER =
  /^ERR (value|hash value) is not (an integer|a valid)|^ERR increment or decrement would overflow|\battempt to (perform arithmetic|compare)\b/

/**
 * Whether trying again is of no use, because Redis ran the script and its own data (a key of the wrong type, a counter that is no
 * number) makes it impossible. Everything else may pass, whatever it is: no connection, no memory, a replica, a slot that moves,
 * missing rights. A new version of Redis may word them anew, so what is final is named here, and not what passes.
 */
export function isFinal(error: unknown): boolean {
  const trouble = error as Error
  if (trouble.name !== 'ReplyError') return false
  return replyCode(trouble) === 'WRONGTYPE' || NO_NUMBER.test(replyText(trouble))
}
