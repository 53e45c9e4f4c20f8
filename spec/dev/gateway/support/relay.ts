import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { decodeMulti } from '@msgpack/msgpack'

/** One message on the plugin socket, in the form of the recordings. */
export interface Message {
  readonly connection: number
  readonly from: 'kong' | 'server'
  readonly message: readonly unknown[]
}

export interface Relay {
  readonly messages: Message[]
  /** Resolves with the first message, from now or before, that fits. */
  until(fits: (message: Message) => boolean): Promise<Message>
  /** What Kong answered to the first call of a PDK method, once it has. */
  answerTo(method: string): Promise<{ step: unknown; data: unknown }>
  close(): Promise<void>
}

/** Stands between a gateway and a plugin server and reads along; neither knows. */
export async function startRelay(listen: string, server: string): Promise<Relay> {
  const messages: Message[] = []
  const waiting = new Set<() => void>()
  const sockets = new Set<Socket>()
  let connections = 0
  const relay = createServer((kong) => {
    const connection = ++connections
    const plugin = connect(server)
    for (const [from, source, target] of [
      ['kong', kong, plugin],
      ['server', plugin, kong],
    ] as const) {
      sockets.add(source)
      let pending = Buffer.alloc(0)
      source.on('data', (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk])
        const found = complete(pending)
        if (found) {
          pending = Buffer.alloc(0)
          messages.push(...found.map((message) => ({ connection, from, message })))
        }
        target.write(chunk)
        for (const check of waiting) check()
      })
      source.on('error', () => {})
      source.on('close', () => target.destroy())
    }
  })
  relay.listen(listen)
  await once(relay, 'listening')

  const until = async (fits: (message: Message) => boolean): Promise<Message> =>
    await new Promise((resolve) => {
      const check = (): void => {
        const found = messages.find(fits)
        if (!found) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
    })
  return {
    messages,
    until,
    answerTo: async (method) => {
      const asked = await until(({ from, message }) => from === 'server' && methodOf(message) === method)
      const answer = await until(
        (it) =>
          it.from === 'kong' &&
          messages.indexOf(it) > messages.indexOf(asked) &&
          it.connection === asked.connection,
      )
      const [argument] = answer.message[3] as [Record<string, unknown>]
      return { step: answer.message[2], data: argument.Data }
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      relay.close()
      await once(relay, 'close')
    },
  }
}

export function methodOf(message: readonly unknown[]): unknown {
  const result = message[3] as { Data?: { Method?: unknown } } | null
  return result?.Data?.Method
}

/** True for the message with which the server ends a phase. */
export function isReturn({ from, message }: Message): boolean {
  return from === 'server' && (message[3] as { Data?: unknown } | null)?.Data === 'ret'
}

export function isPhase(name: string): (message: Message) => boolean {
  return ({ from, message }) =>
    from === 'kong' && (message[3] as [{ EventName?: unknown }] | undefined)?.[0]?.EventName === name
}

function complete(bytes: Buffer): unknown[][] | undefined {
  try {
    return [...decodeMulti(bytes)] as unknown[][]
  } catch {
    return undefined
  }
}
