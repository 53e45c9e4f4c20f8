/** What a script's error is wrapped in before Redis 7: the script's name, then for some errors the place in it, once or twice. */
const WRAPPING = /^ERR Error running script \(call to \S+\): |^@?user_script: ?\d+: |^-/

/** An error of ioredis about one that Redis replied. */
const QUOTED = /^Too many Cluster redirections\. Last error: ReplyError: /

/**
 * The error that Redis replied, code first, as in `READONLY You can't write against a read only replica.`: what a script ran into is
 * found too, whichever version of Redis words it.
 */
export function replyText(error: Error): string {
  let text = error.message.replace(QUOTED, '')
  for (let inner = text.replace(WRAPPING, ''); inner !== text; inner = inner.replace(WRAPPING, ''))
    text = inner
  return text
}

/** The first word of an error that Redis replied, in capitals; empty: it is no such error. */
export function replyCode(error: Error): string {
  return /^[A-Z]+\b/.exec(replyText(error))?.[0] ?? ''
}
