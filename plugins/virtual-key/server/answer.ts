import { decode, Encoder } from '@msgpack/msgpack'
import type { Step } from 'kong-pdk/server.js'
import type { PluginServer } from './plugin-server.ts'

/** Kept, because each new one takes 2 KB; `encode` returns a copy. An undefined member is left out, which Kong reads as nil. */
const encoder = new Encoder({ ignoreUndefined: true })

/**
 * The decoder refuses a map with a member `__proto__`, and a client may send a header of that name: unanswered, Kong would let its
 * request pass. A MessagePack string of that length and text, and of the same length and another text.
 */
const PROTO = Buffer.from('\xa9__proto__', 'latin1')
const HARMLESS = Buffer.from('\xa9__PROTO__', 'latin1')

/** MessagePack-RPC: type (0 = request, 1 = response), id, then method and arguments, or error and result. */
type Request = readonly [type: 0, id: number, method: string, args: readonly unknown[]]

type Method = (this: PluginServer, ...args: readonly unknown[]) => Promise<Step>

/**
 * Answers one message from Kong. kong-pdk's listener does the same, but for its debug log it turns the arguments of every message
 * into JSON, a response body's bytes one by one: more than 20 ms of the only thread for a body of 100 KB.
 * An error of the method is Kong's answer, and Kong looks for "no plugin instance" at its start. Rejects only for bytes that are no request.
 */
export async function answer(server: PluginServer, message: Uint8Array): Promise<Uint8Array> {
  const [, id, method, args] = decodeRequest(message)
  try {
    return encoder.encode([1, id, null, await call(server, method, args)])
  } catch (error) {
    return encoder.encode([1, id, (error as Error).message, null])
  }
}

function decodeRequest(message: Uint8Array): Request {
  try {
    return decode(message) as Request
  } catch (error) {
    const copy = Buffer.from(message)
    let at = copy.indexOf(PROTO)
    if (at < 0) throw error
    for (; at >= 0; at = copy.indexOf(PROTO, at)) HARMLESS.copy(copy, at)
    return decode(copy) as Request
  }
}

function call(server: PluginServer, method: string, args: readonly unknown[]): Promise<Step> {
  const [namespace, name] = method.split('.')
  const found = (server as unknown as Record<string, Method | undefined>)[name ?? '']
  if (namespace !== 'plugin' || typeof found !== 'function')
    throw new Error(`method ${method} not implemented`)
  return found.call(server, ...args)
}
