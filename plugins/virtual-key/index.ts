import { type Config, config as configFields } from '../../schema/config.ts'
import { kongFields } from '../../schema/fields.ts'
import { Account } from './account.ts'
import { admit, NO_WEBSOCKET, type Rejection, TOO_MANY_HEADERS, UNAVAILABLE } from './admit.ts'
import { bodyOf, changeBody, mayBeRead } from './ask/body.ts'
import { isCompletion, usageWish } from './ask/include-usage.ts'
import { examine, MOST_HEADERS } from './escape.ts'
import { identify } from './identify.ts'
import { fingerprint } from './keys.ts'
import type { Kong } from './kong.ts'
import { clock, learnSigner, metrics, type Runtime, requests, runtimeFor } from './runtime.ts'
import { type Settings, settingsFrom } from './settings.ts'
import { keyNote } from './tap/key.ts'
import { NOTE } from './tap/lua.ts'
import { noteText } from './tap/note.ts'
import { windowAt } from './window.ts'

/**
 * The Kong plugin: phases that translate between Kong and the decisions in the other files, and the place where fail-open or
 * fail-closed is decided. kong-pdk swallows an exception in a phase and Kong proxies the request, so nothing may escape unseen.
 */
export class Plugin {
  readonly #settings: Settings
  readonly #runtime: Runtime
  readonly #account: Account

  /** @throws ConfigError, which Kong turns into a 500 for the route and a line in its error log */
  constructor(config: Config & { readonly __plugin_id?: string }) {
    this.#settings = settingsFrom(config)
    const signer = config.__plugin_id ?? fingerprint(config)
    if (this.#settings.webhook) learnSigner(signer, this.#settings.webhook.keys)
    this.#runtime = runtimeFor(signer, config.redis)
    this.#account = new Account(this.#settings, signer, this.#runtime)
  }

  async access(kong: Kong): Promise<void> {
    try {
      await this.#access(kong)
    } catch (error) {
      await kong.log.err(`virtual-key: access failed: ${(error as Error).message}`)
      if (!this.#settings.faultTolerant) await exit(kong, UNAVAILABLE)
    }
  }

  /** Buffered responses; of a tapped route only where the tap, which turns buffering off, is missing there. */
  async response(kong: Kong): Promise<void> {
    try {
      await this.#account.buffered(kong)
    } catch (error) {
      await failed(kong, error as Error)
    }
  }

  /** Runs after every request, because it has to for tapped ones. */
  async log(kong: Kong): Promise<void> {
    if (!this.#settings.tapped) return
    try {
      await this.#account.tapped(kong)
    } catch (error) {
      await failed(kong, error as Error)
    }
  }

  async #access(kong: Kong): Promise<void> {
    const { tapped, identification, askForUsage, estimate } = this.#settings
    const headers = await kong.request.getHeaders(MOST_HEADERS)
    const { websocket, tooMany, acceptEncoding, hasBody, length } = examine(headers)
    if (tooMany) return exit(kong, TOO_MANY_HEADERS)
    if (websocket) {
      metrics.add('refused_websocket')
      return exit(kong, NO_WEBSOCKET)
    }
    const rejection = await this.#rejection(kong)
    if (rejection) return exit(kong, rejection)
    const asking = askForUsage && mayBeRead(length) && isCompletion(await kong.request.getPath())
    const keeping = estimate && tapped && length !== undefined && mayBeRead(length)
    const body = asking || keeping ? await bodyOf(kong) : undefined
    const wish = asking && body ? usageWish(body) : undefined
    if (tapped) {
      const kept = keeping && body ? { request: requests.keep(body) } : {}
      const change = wish && body && { ...wish, length: body.length }
      await kong.ctx.shared.set(NOTE, noteText({ ...keyNote(identification, headers), ...kept }, change))
    } else if (wish && body) await changeBody(kong, body, wish)
    else if (!hasBody && (await kong.request.getMethod()) !== 'POST') {
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
}

async function failed(kong: Kong, error: Error): Promise<void> {
  metrics.add('uncounted_dropped')
  await kong.log.err(`virtual-key: a response could not be counted: ${error.message}`)
}

function exit(kong: Kong, { status, error }: Rejection): Promise<void> {
  return kong.response.exit(status, JSON.stringify({ error }), { 'content-type': 'application/json' })
}

export const Name = 'virtual-key'
export const Version = '0.1.0'
/** After key-auth (1250), so that the consumer is known; before the plugins that rewrite requests and answers (ai-proxy, 770). */
export const Priority = 900
export const Schema = kongFields(configFields)
