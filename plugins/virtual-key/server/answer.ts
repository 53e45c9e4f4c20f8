import { decode, Encoder } from '@msgpack/msgpack'
import type { Step } from 'kong-pdk/server.js'
import type { PluginServer } from './plugin-server.ts'

/** Kept, because each new one takes 2 KB; `encode` returns a copy. An undefined member is left out, which Kong reads as nil. */
const encoder = new Encoder({ ignoreUndefined: true })

/** MessagePack-RPC: type (0 = request, 1 = response), id, then method and arguments, or error and result. */
type Request = readonly [type: 0, id: number, method: string, args: readonly unknown[]]

type Method = (this: PluginServer, ...args: readonly unknown[]) => Promise<Step>

/**
 * Answers one message from Kong. kong-pdk's listener does the same, but for its debug log it turns the arguments of every message
 * into JSON, a response body's bytes one by one: more than 20 ms of the only thread for a body of 100 KB.
 * An error of the method is Kong's answer, and Kong looks for "no plugin instance" at its start. Rejects only for bytes that are no request.
 */
export async function answer(server: PluginServer, message: Uint8Array): Promise<Uint8Array> {
  const [, id, method, args] = decode(message) as Request
  try {
    return encoder.encode([1, id, null, await call(server, method, args)])
  } catch (error) {
    return encoder.encode([1, id, (error as Error).message, null])
  }
}

function call(server: PluginServer, method: string, args: readonly unknown[]): Promise<Step> {
  const [namespace, name] = method.split('.')
  const found = (server as unknown as Record<string, Method | undefined>)[name ?? '']
  if (namespace !== 'plugin' || typeof found !== 'function')
    throw new Error(`method ${method} not implemented`)
  return found.call(server, ...args)
}
