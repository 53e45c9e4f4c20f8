import { type Config, config as configFields } from '../../schema/config.ts'
import { kongFields } from '../../schema/fields.ts'
import { admit, NO_WEBSOCKET, type Rejection, TOO_MANY_HEADERS, UNAVAILABLE } from './admit.ts'
import { examine, MOST_HEADERS } from './escape.ts'
import { identify } from './identify.ts'
import { fingerprint } from './keys.ts'
import type { Kong } from './kong.ts'
import { read } from './read.ts'
import { clock, learnSigner, metrics, type Runtime, runtimeFor } from './runtime.ts'
import { type Settings, settingsFrom } from './settings.ts'
import { settlementOf } from './settle.ts'
import { windowAt } from './window.ts'

/**
 * The Kong plugin: phases that translate between Kong and the decisions in the other files, and the place where fail-open or
 * fail-closed is decided. kong-pdk swallows an exception in a phase and Kong proxies the request, so nothing may escape unseen.
 */
export class Plugin {
  readonly #settings: Settings
  readonly #runtime: Runtime
  readonly #signer: string

  /** @throws ConfigError, which Kong turns into a 500 for the route and a line in its error log */
  constructor(config: Config & { readonly __plugin_id?: string }) {
    this.#settings = settingsFrom(config)
    this.#signer = config.__plugin_id ?? fingerprint(config)
    if (this.#settings.webhook) learnSigner(this.#signer, this.#settings.webhook.keys)
    this.#runtime = runtimeFor(this.#signer, config.redis)
  }

  async access(kong: Kong): Promise<void> {
    try {
      await this.#access(kong)
    } catch (error) {
      await kong.log.err(`virtual-key: access failed: ${(error as Error).message}`)
      if (!this.#settings.faultTolerant) await exit(kong, UNAVAILABLE)
    }
  }

  async response(kong: Kong): Promise<void> {
    try {
      await this.#settle(kong)
    } catch (error) {
      metrics.add('uncounted_dropped')
      await kong.log.err(`virtual-key: a response could not be counted: ${(error as Error).message}`)
    }
  }

  async #access(kong: Kong): Promise<void> {
    const { websocket, tooMany, acceptEncoding, hasBody } = examine(
      await kong.request.getHeaders(MOST_HEADERS),
    )
    if (tooMany) return exit(kong, TOO_MANY_HEADERS)
    if (websocket) {
      metrics.add('refused_websocket')
      return exit(kong, NO_WEBSOCKET)
    }
    const rejection = await this.#rejection(kong)
    if (rejection) return exit(kong, rejection)
    if (!hasBody && (await kong.request.getMethod()) !== 'POST') {
      // Nothing of it will be counted, so nothing of it has to be buffered, and the response phase does not run.
      return kong.nginx.setCtx('buffered_proxying', false)
    }
    if (acceptEncoding !== undefined) await kong.service.request.setHeader('accept-encoding', acceptEncoding)
  }

  /** undefined: the request may go on. Asks Kong and Redis only where the settings need it. */
  async #rejection(kong: Kong): Promise<Rejection | undefined> {
    const { budget, requireKey, faultTolerant, window, identification } = this.#settings
    const { settlements } = this.#runtime
    if (!faultTolerant && !(await settlements.available())) return UNAVAILABLE
    if (!requireKey && budget === 0) return undefined
    const keyId = await identify(kong, identification)
    if (keyId === undefined || budget === 0) return admit({ keyId, requireKey, budget, total: undefined })
    const total = await settlements.total(keyId, windowAt(window, clock()).label)
    if (total === undefined && !faultTolerant) return UNAVAILABLE
    return admit({ keyId, requireKey, budget, total })
  }

  async #settle(kong: Kong): Promise<void> {
    const usage = await read(kong)
    if (usage === undefined) return
    if (typeof usage === 'string') return metrics.add(`uncounted_${usage}`)
    const keyId = await identify(kong, this.#settings.identification)
    if (keyId === undefined) return metrics.add('uncounted_no_key')
    const settlement = settlementOf(this.#settings, this.#signer, keyId, usage, clock())
    const { settlements } = this.#runtime
    const result = await settlements.settle(settlement, this.#settings.service, () => serviceOf(kong))
    if (result.state === 'settled' && result.crossed.length > 0 && settlement.target === undefined) {
      const { crossed, total } = result
      await kong.log.notice(
        `virtual-key: key ${JSON.stringify(keyId)} crossed ${crossed.join(', ')} with ${total} tokens`,
      )
    }
    if (result.state === 'dropped') await kong.log.err(`virtual-key: ${result.reason}`)
  }
}

async function serviceOf(kong: Kong): Promise<string> {
  const service = await kong.router.getService()
  return service?.name ?? service?.id ?? ''
}

function exit(kong: Kong, { status, error }: Rejection): Promise<void> {
  return kong.response.exit(status, JSON.stringify({ error }), { 'content-type': 'application/json' })
}

export const Name = 'virtual-key'
export const Version = '0.1.0'
/** After key-auth (1250), so that the consumer is known; before the plugins that rewrite requests and answers (ai-proxy, 770). */
export const Priority = 900
export const Schema = kongFields(configFields)
