import { type Dispatcher, request } from 'undici'

/** Whether the Admin API answers, and what its answer tells without being read. */
export interface AdminStatus {
  /** Why it cannot be used. */
  readonly trouble?: string
  /** Of the header Server; an operator can turn that off. */
  readonly version?: string
  /** A node without a database says what configuration it has. */
  readonly dbless: boolean
}

/** Asks for /status, which answers where `GET /` does not. @param limit in milliseconds */
export async function statusOf(
  url: string,
  headers: Readonly<Record<string, string>>,
  limit: number,
  dispatcher?: Dispatcher,
): Promise<AdminStatus> {
  try {
    const answer = await request(`${url.replace(/\/+$/, '')}/status`, {
      headers,
      ...(dispatcher === undefined ? {} : { dispatcher }),
      signal: AbortSignal.timeout(limit),
    })
    const text = await answer.body.text()
    if (answer.statusCode === 401 || answer.statusCode === 403) {
      return { trouble: `it answers ${answer.statusCode}`, dbless: false }
    }
    const [, version] = /^kong\/(\S+)/.exec(String(answer.headers.server ?? '')) ?? []
    const dbless = text.includes('"configuration_hash"')
    return { dbless, ...(version === undefined ? {} : { version }) }
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string }
    const trouble = name === 'TimeoutError' ? `no answer within ${limit} ms` : message || code || name
    return { trouble, dbless: false }
  }
}
