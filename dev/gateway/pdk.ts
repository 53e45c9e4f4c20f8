import {
  EVERYWHERE,
  type PdkContext,
  type PdkMethod,
  type PdkMethods,
  PdkRaise,
  text,
  variable,
} from './pdk-call.ts'
import { requestMethods } from './pdk-request.ts'
import { responseMethods } from './pdk-response.ts'
import { serialize } from './serialize.ts'

const LEVELS = ['debug', 'info', 'notice', 'warn', 'err', 'crit'] as const

/** Every PDK method a plugin may call here, under the name that crosses the socket. */
const METHODS: PdkMethods = {
  ...requestMethods,
  ...responseMethods,
  'kong.client.get_consumer': { phases: EVERYWHERE, call: ({ exchange }) => exchange.consumer },
  'kong.client.get_credential': { phases: EVERYWHERE, call: ({ exchange }) => exchange.credential },
  'kong.router.get_service': { phases: EVERYWHERE, call: ({ exchange }) => exchange.service },
  'kong.router.get_route': { phases: EVERYWHERE, call: ({ exchange }) => exchange.route },
  'kong.plugin.get_id': { phases: EVERYWHERE, call: ({ configuration }) => configuration.id },
  'kong.ctx.shared.get': table(({ exchange }) => exchange.shared, 'get'),
  'kong.ctx.shared.set': table(({ exchange }) => exchange.shared, 'set'),
  'kong.nginx.get_var': {
    phases: EVERYWHERE,
    call: ({ exchange }, [name]) => variable(exchange, text(name, 'variable name')),
  },
  'kong.nginx.get_ctx': table(({ exchange }) => exchange.ctx, 'get'),
  'kong.nginx.set_ctx': table(({ exchange }) => exchange.ctx, 'set'),
  'kong.log.serialize': { phases: ['log'], call: ({ exchange }) => JSON.stringify(serialize(exchange)) },
  ...Object.fromEntries(
    LEVELS.map((level): [string, PdkMethod] => [
      `kong.log.${level}`,
      {
        phases: EVERYWHERE,
        call: ({ log, configuration }, args) => {
          log(level, `[${configuration.name}] ${args.map(String).join('')}`)
        },
      },
    ]),
  ),
}

/** Calls that answer through a Step method of their own; all others through plugin.Step. */
const STEPS: Readonly<Record<string, string>> = {
  'kong.client.get_credential': 'plugin.StepCredential',
  'kong.client.get_consumer': 'plugin.StepConsumer',
  'kong.router.get_route': 'plugin.StepRoute',
  'kong.router.get_service': 'plugin.StepService',
  'kong.request.get_query': 'plugin.StepMultiMap',
  'kong.request.get_headers': 'plugin.StepMultiMap',
  'kong.response.get_headers': 'plugin.StepMultiMap',
  'kong.service.response.get_headers': 'plugin.StepMultiMap',
}

export interface PdkResult {
  readonly step: string
  /** undefined is nil */
  readonly value: unknown
}

/**
 * @param method e.g. `kong.request.get_header`; one this gateway lacks is named in the log and answers nil, as an unknown
 * method does in Kong
 * @throws PdkRaise for a wrong phase or argument
 */
export async function callPdk(
  context: PdkContext,
  method: string,
  args: readonly unknown[],
): Promise<PdkResult> {
  const found = METHODS[method]
  if (!found) {
    context.log('err', `PDK method ${method} is not supported by the development gateway`)
    return { step: 'plugin.Step', value: undefined }
  }
  if (!found.phases.includes(context.phase)) {
    throw new PdkRaise(`function cannot be called in ${context.phase} phase: ${method}`)
  }
  const value = await found.call(context, args)
  return { step: STEPS[method] ?? 'plugin.Step', value: value ?? undefined }
}

function table(of: (context: PdkContext) => Map<string, unknown>, verb: 'get' | 'set'): PdkMethod {
  return {
    phases: EVERYWHERE,
    call: (context, [key, value]) => {
      const name = text(key, 'key')
      if (verb === 'get') return of(context).get(name)
      // For Lua, bytes are a string like any other, and they are returned as one.
      of(context).set(
        name,
        value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : (value ?? undefined),
      )
      return undefined
    },
  }
}
