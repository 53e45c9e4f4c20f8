import { decode, Encoder } from '@msgpack/msgpack'
import { isLast } from './phase-run.ts'
import type { PluginServer, Step } from './plugin-server.ts'

/** One encoder for all answers, because each takes 2 KB; `encode` returns a copy. An undefined member is left out: nil for Kong. */
const encoder = new Encoder({ ignoreUndefined: true })

/**
 * The decoder refuses a map with a member `__proto__`, but a client may send a header of that name, and Kong lets a request pass whose
 * phase gets no answer. So the name is replaced: these are the MessagePack string `__proto__`, and a harmless one of the same length.
 */
const PROTO = Buffer.from('\xa9__proto__', 'latin1')
const HARMLESS = Buffer.from('\xa9__PROTO__', 'latin1')

/** MessagePack-RPC: type (0 = request, 1 = response), id, then method and arguments, or error and result. */
type Request = readonly [type: 0, id: number, method: string, args: readonly [argument: never]]

type Method = (server: PluginServer, argument: never) => object | Promise<object | Step>

const step: Method = (server, argument) => server.step(argument)

/** Kong puts the type of a PDK call's result into the name of the method; MessagePack contains it anyway. */
const METHODS: ReadonlyMap<string, Method> = new Map([
  ['plugin.StartInstance', (server, argument) => server.startInstance(argument)],
  ['plugin.CloseInstance', (server, argument) => server.closeInstance(argument)],
  ['plugin.HandleEvent', (server, argument) => server.handleEvent(argument)],
  ['plugin.StepError', (server, argument) => server.stepError(argument)],
  ...['', 'MultiMap', 'Service', 'Route', 'Consumer', 'Credential', 'Plugin', 'MemoryStats'].map(
    (type) => [`plugin.Step${type}`, step] as const,
  ),
])

export interface Answer {
  readonly bytes: Uint8Array
  /** Whether a phase has ended with it: Kong sends nothing more for that phase. */
  readonly endsPhase: boolean
}

/** Answers one message from Kong; if the method throws, the answer is that error. Rejects only for bytes that are no request. */
export async function answer(server: PluginServer, message: Uint8Array): Promise<Answer> {
  const [, id, name, [argument]] = decodeRequest(message)
  try {
    const method = METHODS.get(name)
    if (method === undefined) throw new Error(`method ${name} not implemented`)
    const result = await method(server, argument)
    const endsPhase = 'Data' in result && isLast(result.Data)
    return { bytes: encoder.encode([1, id, null, result]), endsPhase }
  } catch (error) {
    return { bytes: encoder.encode([1, id, (error as Error).message, null]), endsPhase: false }
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
