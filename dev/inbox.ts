import type { Server } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { bodyOf, listen } from './listen.ts'

export interface Received {
  /** webhook-id: the same for every delivery of one alert. */
  readonly id: string
  readonly body: string
  /** The official Standard Webhooks library accepts signature and timestamp. */
  readonly verified: boolean
}

/** A webhook receiver for people: verifies each delivery and passes it on. */
export function startInbox(
  port: number,
  secret: string,
  show: (received: Received) => void,
): Promise<Server> {
  return listen(
    port,
    'the webhook inbox',
    'stop what listens there; kong.yml names it',
    async (request, response) => {
      const body = await bodyOf(request)
      response.writeHead(204).end()
      // `vk doctor` sends HEAD to find out whether the webhook can be reached.
      if (request.method === 'HEAD') return
      const headers = request.headers as Record<string, string>
      show({ id: headers['webhook-id'] ?? '', body, verified: verifies(secret, body, headers) })
    },
  )
}

function verifies(secret: string, body: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}
