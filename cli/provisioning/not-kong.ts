import { Failure } from '../failure.ts'

/** What answered is no Admin API of Kong: a web server, Kong's proxy, a page to log in. */
export class NotKong extends Failure {
  constructor(url: string, problem: string) {
    super(
      `${new URL(url).origin} answers, but not as Kong's Admin API does (${problem}): check --admin-url`,
      3,
    )
  }
}

/** What Kong's proxy says where no route matches. Source: Kong 3.9, kong/runloop/handler.lua. */
const OF_THE_PROXY = 'no Route matched with those values'

/** Somebody before Kong, or its RBAC, may say these in any form. */
const OF_ANYBODY: readonly number[] = [401, 403, 407, 429]

/** What in an answer cannot be Kong's; undefined: it can. @param body what was read as JSON */
export function notOfKong(status: number, text: string, body: unknown): string | undefined {
  if (status === 204 || status >= 500 || OF_ANYBODY.includes(status)) return undefined
  if (status < 200 || (status > 299 && status < 400)) return `it answers ${status}`
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return `it answers ${status} ${text === '' ? 'with nothing' : 'with what is no JSON object'}`
  if (status !== 404) return undefined
  const { message } = body as { readonly message?: unknown }
  if (message === OF_THE_PROXY) return 'it is the proxy; the Admin API has a port of its own, such as 8001'
  return typeof message === 'string' ? undefined : 'its 404 has no message'
}
