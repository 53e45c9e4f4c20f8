import { type Agent, request } from 'undici'

/** One application: a chat request with its virtual key. Returns the status and what the client sees. */
export async function chat(
  gateway: { readonly url: string },
  key: string | undefined = 'vk-abc',
  { headers = {}, agent }: { headers?: Record<string, string>; agent?: Agent } = {},
): Promise<{ status: number; body: string; headers: Record<string, string | string[] | undefined> }> {
  const response = await request(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { apikey: `${key}-secret` }),
      ...headers,
    },
    body: JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: 'Hello' }] }),
    ...(agent === undefined ? {} : { dispatcher: agent }),
  })
  return { status: response.statusCode, body: await response.body.text(), headers: response.headers }
}
