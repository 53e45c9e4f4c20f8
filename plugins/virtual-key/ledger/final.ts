/** Failures of Redis itself, which pass, that a script's error can carry in its text. */
const PASSING = /OOM|READONLY|MISCONF|LOADING|REPLICAS|CLUSTERDOWN|TRYAGAIN|killed/

/**
 * Whether trying again is of no use: Redis ran the script, and its data (a key of the wrong type, a counter that is no number) made
 * it fail. Whatever does not say so may pass: no connection, no memory, a replica, missing rights.
 */
export function isFinal(error: unknown): boolean {
  const { name, message } = error as Error
  return name === 'ReplyError' && /^(ERR|WRONGTYPE)\b.*script/is.test(message) && !PASSING.test(message)
}
