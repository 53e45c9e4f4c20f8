import type { Config, RedisConfig } from '../../../schema/config.ts'
import type { Format } from '../outbox/format.ts'
import { type SigningKey, signingKey } from '../outbox/sign.ts'
import type { Identification } from '../request/identity.ts'
import type { AlertRules, KeyPolicy } from './key-policy.ts'
import { type WindowKind, windowAt, windowsAt } from './window.ts'

/** A configuration that Kong accepted and that cannot work. The message names field and value, never a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly field: string

  constructor(field: string, problem: string, options?: ErrorOptions) {
    super(`virtual-key: config.${field}: ${problem}`, options)
    this.field = field
  }
}

/** One key's settings as the phases use them, worked out once for each instance. */
export interface Settings {
  readonly identification: Identification
  readonly requireKey: boolean
  /** The key's own record in Redis is asked, and wins. */
  readonly registry: boolean
  /** Without the registry all of them are in `thresholds`: tokens, ascending, each once. */
  readonly rules: AlertRules
  /** Tokens; 0 = unlimited. */
  readonly budget: number
  /** What a request that declares nothing reserves, in tokens; undefined: none reserves. */
  readonly reserve: number | undefined
  /** What a request that declares nothing is taken to cost where its answer hides that. Unit: tokens. */
  readonly undeclared: number
  readonly showHeaders: boolean
  readonly window: WindowKind
  /** The response is read as the tap saw it pass; else it is buffered. */
  readonly tapped: boolean
  readonly askForUsage: boolean
  readonly estimate: boolean
  readonly service: string | undefined
  readonly faultTolerant: boolean
  readonly webhook: Webhook
}

export interface Webhook {
  readonly url: string | undefined
  readonly keys: readonly SigningKey[]
  /** Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
}

/** @throws ConfigError for a rule across fields, or a value that Kong's schema language cannot check. */
export function settingsFrom(config: Config): Settings {
  checkRedis(config.redis)
  return {
    identification:
      config.identify_by === 'header'
        ? { by: 'header', name: config.header_name.toLowerCase() }
        : { by: config.identify_by },
    requireKey: config.require_key,
    registry: config.registry,
    rules: rules(config),
    budget: config.token_budget,
    reserve: config.reserve ? config.reserve_default : undefined,
    undeclared: config.reserve_default,
    showHeaders: !config.hide_client_headers,
    window: config.window,
    tapped: config.body === 'tapped',
    askForUsage: config.ask_for_usage,
    estimate: config.estimate,
    service: config.service ?? undefined,
    faultTolerant: config.fault_tolerant,
    webhook: webhook(config),
  }
}

/**
 * What a configuration says about a key at an instant.
 * @param configuration its id @param at milliseconds since 1970
 */
export function policyOf(
  { identification, registry, window, budget, rules, webhook }: Settings,
  configuration: string,
  keyId: string,
  at: number,
): KeyPolicy {
  const own = windowAt(window, at)
  const { url, timeout, allowPrivateNetworks, format, keys } = webhook
  return {
    keyId,
    ...(identification.by === 'header' ? { invented: true } : {}),
    registry,
    // The key's record may name any kind, and which one is known only inside the script.
    windows: registry ? [own, ...windowsAt(at).filter(({ kind }) => kind !== window)] : [own],
    budget,
    rules,
    target: {
      timeout,
      allowPrivateNetworks,
      format,
      ...(url === undefined ? {} : { url }),
      configuration,
      ...(keys.length > 0 ? { signed: true } : {}),
    },
  }
}

/** Kong checks each field alone. A Redis that is somewhere else than the operator believes would count into a void. */
function checkRedis({ cluster_nodes, sentinel_master, sentinel_nodes }: RedisConfig): void {
  const nodes = (sentinel_nodes ?? []).length
  if (sentinel_master && nodes === 0)
    throw new ConfigError('redis.sentinel_nodes', `is empty, and redis.sentinel_master needs one at least`)
  if (!sentinel_master && nodes > 0)
    throw new ConfigError('redis.sentinel_master', `is needed to ask the ${nodes} redis.sentinel_nodes for`)
  if (sentinel_master && (cluster_nodes ?? []).length > 0)
    throw new ConfigError('redis.cluster_nodes', 'and redis.sentinel_master exclude each other')
}

function rules(config: Config): AlertRules {
  const { alert_threshold: threshold, alert_thresholds: thresholds, alert_percents: percents } = config
  if (config.registry) return { threshold, thresholds: thresholds ?? [], percents: percents ?? [] }
  return { threshold: 0, thresholds: allThresholds(config), percents: [] }
}

function allThresholds(config: Config): number[] {
  const percents = config.alert_percents ?? []
  if (percents.length > 0 && config.token_budget === 0) {
    throw new ConfigError(
      'alert_percents',
      `[${percents.join(', ')}] needs a token_budget to be a percentage of`,
    )
  }
  const all = [
    config.alert_threshold,
    ...(config.alert_thresholds ?? []),
    ...percents.map((percent) => Math.ceil((config.token_budget * percent) / 100)),
  ]
  return [...new Set(all)].filter((threshold) => threshold > 0).sort((a, b) => a - b)
}

function webhook(config: Config): Webhook {
  const { secrets, timeout, allow_private_networks, format } = config.webhook
  const keys = (secrets ?? []).map((secret, i) => {
    try {
      return signingKey(secret)
    } catch (cause) {
      throw new ConfigError(`webhook.secrets[${i}]`, (cause as Error).message, { cause })
    }
  })
  const url = config.alert_webhook ?? undefined
  if (url !== undefined && !URL.canParse(url)) {
    // Not told: chat webhooks carry their secret in the path, others credentials before the host.
    throw new ConfigError('alert_webhook', `its ${url.length} characters are no URL`)
  }
  return { url, keys, timeout, allowPrivateNetworks: allow_private_networks, format }
}
