import { authenticator } from '../../schema/kong/authenticators.ts'
import type { Caller, PluginConfiguration } from './entities.ts'
import { type Exchange, errorAnswer } from './exchange.ts'
import type { GatewayPlugin, Plan } from './plan.ts'
import { queryArguments, withoutArgument } from './query-string.ts'

interface KeyAuthConfig {
  readonly key_names: readonly string[]
  readonly hide_credentials: boolean
  readonly key_in_header: boolean
  readonly key_in_query: boolean
  readonly run_on_preflight: boolean
  readonly realm?: string
}

type Verdict = { readonly reject: string } | (Caller & { readonly name: string })

/** Kong's key-auth: finds the consumer by key, or answers 401. */
export function keyAuth(callerOf: Plan['caller']): GatewayPlugin {
  return {
    ...authenticator('key-auth'),
    access: (exchange, configuration) => {
      const config = configOf(configuration)
      if (!config.run_on_preflight && exchange.method === 'OPTIONS') return
      const verdict = authenticate(exchange, config, callerOf)
      if ('reject' in verdict) {
        const challenge = config.realm === undefined ? 'Key' : `Key realm="${config.realm}"`
        exchange.answer = errorAnswer(exchange, 401, verdict.reject, [['WWW-Authenticate', challenge]])
        return
      }
      if (config.hide_credentials) {
        exchange.headers.delete(verdict.name)
        exchange.query = withoutArgument(exchange.query, verdict.name)
      }
      identify(exchange, verdict)
    },
  }
}

function authenticate(exchange: Exchange, config: KeyAuthConfig, callerOf: Plan['caller']): Verdict {
  const query = queryArguments(exchange.query)
  for (const name of config.key_names) {
    const inHeader = config.key_in_header ? exchange.headers.getAll(name) : []
    const found = inHeader.length > 0 || !config.key_in_query ? inHeader : (query.get(name) ?? [])
    if (found.length > 1) return { reject: 'Duplicate API key found' }
    const [key] = found
    if (typeof key !== 'string') continue
    if (key === '') break
    const caller = callerOf(key)
    return caller ? { ...caller, name } : { reject: 'Unauthorized' }
  }
  return { reject: 'No API key found in request' }
}

/** Sets the headers about the consumer for later plugins and the upstream, and overwrites those of the client. */
function identify(exchange: Exchange, { consumer, credential }: Caller): void {
  exchange.consumer = consumer
  exchange.credential = credential
  const headers: [string, string | undefined][] = [
    ['X-Consumer-ID', consumer.id],
    ['X-Consumer-Custom-ID', consumer.custom_id],
    ['X-Consumer-Username', consumer.username],
    ['X-Credential-Identifier', credential.id],
    ['X-Anonymous-Consumer', undefined],
  ]
  for (const [name, value] of headers) {
    if (value === undefined) exchange.headers.delete(name)
    else exchange.headers.set(name, value)
  }
}

function configOf(configuration: PluginConfiguration): KeyAuthConfig {
  return configuration.config as unknown as KeyAuthConfig
}
