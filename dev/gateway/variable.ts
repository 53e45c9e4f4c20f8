import type { Exchange } from './exchange.ts'

/** An nginx variable, as text. Only those are here that the plugin and its tap ask for. */
export function variable(exchange: Exchange, name: string): string {
  if (name === 'request_length') return String(exchange.requestSize)
  throw new Error(`the variable ${name} is not supported by the development gateway`)
}
