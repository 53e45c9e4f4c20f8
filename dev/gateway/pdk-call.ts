import type { PluginConfiguration } from './entities.ts'
import type { Exchange, Phase } from './exchange.ts'
import type { HeaderMap } from './header-map.ts'
import { utf8 } from './header-map.ts'
import type { Log } from './log.ts'

/** A PDK call that raises inside Kong: the phase ends, the client gets 500 and the plugin never an answer. */
export class PdkRaise extends Error {}

export interface PdkContext {
  readonly exchange: Exchange
  readonly configuration: PluginConfiguration
  readonly phase: Phase
  readonly log: Log
}

export interface PdkMethod {
  readonly phases: readonly Phase[]
  /** undefined is nil */
  readonly call: (context: PdkContext, args: readonly unknown[]) => unknown
}

export type PdkMethods = Readonly<Record<string, PdkMethod>>

export const EVERYWHERE: readonly Phase[] = ['access', 'response', 'log']

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new PdkRaise(`${what} must be a string`)
  return value
}

/** How many headers or arguments Kong hands out: 100 unless the plugin asks for another number. */
export function limit(value: unknown, what: string): number {
  if (value === undefined || value === null) return 100
  if (typeof value !== 'number') throw new PdkRaise(`${what} must be a number`)
  if (value < 1) throw new PdkRaise(`${what} must be >= 1`)
  if (value > 1000) throw new PdkRaise(`${what} must be <= 1000`)
  return value
}

/** What may be a header's value; an empty one goes out as a blank, as Kong sends it. */
export function headerValues(name: unknown, value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value]
  return list.map((item) => {
    const fits = typeof item === 'string' || (!Array.isArray(value) && /number|boolean/.test(typeof item))
    if (!fits) throw new PdkRaise(`invalid header value for "${String(name)}": got ${typeof item}`)
    return item === '' ? ' ' : Buffer.from(String(item)).toString('latin1')
  })
}

export function multiMap(headers: HeaderMap, max: number): Record<string, string[]> {
  return Object.fromEntries([...headers.entries(max)].map(([name, values]) => [name, values.map(utf8)]))
}

export function single(value: string | undefined): string | undefined {
  return value === undefined ? undefined : utf8(value)
}

/** An nginx variable, as text. Only those are here that the plugin and its tap ask for. */
export function variable(exchange: Exchange, name: string): string {
  if (name === 'request_length') return String(exchange.requestSize)
  throw new Error(`the variable ${name} is not supported by the development gateway`)
}
