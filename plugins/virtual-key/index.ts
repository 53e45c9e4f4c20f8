import { type Config, config as configFields } from '../../schema/config.ts'
import { kongFields } from '../../schema/fields.ts'
import { admit, NO_WEBSOCKET, type Rejection, UNAVAILABLE } from './admit.ts'
import { bodyOf, changeBody, mayBeRead } from './ask/body.ts'
import { isCompletion, usageWish } from './ask/include-usage.ts'
import type { Complaint } from './complaints.ts'
import { examine } from './escape.ts'
import { identify } from './identify.ts'
import { fingerprint } from './keys.ts'
import type { Kong } from './kong.ts'
import type { Uncounted } from './metrics.ts'
import { read } from './read.ts'
import { clock, complaints, learnSigner, metrics, type Runtime, runtimeFor } from './runtime.ts'
import { type Settings, settingsFrom } from './settings.ts'
import { settlementOf } from './settle.ts'
import { keyNote, tappedKey } from './tap/key.ts'
import { NOTE, TAPPED } from './tap/lua.ts'
import { noteText } from './tap/note.ts'
import { tappedFrom } from './tap/tapped.ts'
import { tappedUsage } from './tap/usage.ts'
import type { Usage } from './usage/usage.ts'
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
    this.#runtime = runtimeFor(config.redis)
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
      await this.#settleBuffered(kong)
    } catch (error) {
      await failed(kong, error as Error)
    }
  }

  /** Runs after every request, because it has to for tapped ones. */
  async log(kong: Kong): Promise<void> {
    if (!this.#settings.tapped) return
    try {
      await this.#settleTapped(kong)
    } catch (error) {
      await failed(kong, error as Error)
    }
  }

  async #access(kong: Kong): Promise<void> {
    const { tapped, identification, askForUsage } = this.#settings
    const headers = await kong.request.getHeaders()
    const { websocket, acceptEncoding, hasBody, length } = examine(headers)
    if (websocket) {
      metrics.add('refused_websocket')
      return exit(kong, NO_WEBSOCKET)
    }
    const rejection = await this.#rejection(kong)
    if (rejection) return exit(kong, rejection)
    const asking = askForUsage && mayBeRead(length) && isCompletion(await kong.request.getPath())
    const body = asking ? await bodyOf(kong) : undefined
    const wish = body && usageWish(body)
    if (tapped) {
      const change = wish && { ...wish, length: body.length }
      await kong.ctx.shared.set(NOTE, noteText(keyNote(identification, headers), change))
    } else if (wish) await changeBody(kong, body, wish)
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

  async #settleBuffered(kong: Kong): Promise<void> {
    const { identification, service, tapped } = this.#settings
    if (tapped) {
      if ((await kong.request.getMethod()) !== 'POST') return
      metrics.add('tap_missing')
      await complain(kong, 'tap_missing')
    }
    const usage = await read(kong)
    if (usage === undefined) return
    if (typeof usage === 'string') return uncounted(kong, usage)
    const keyId = await identify(kong, identification)
    await this.#settle(kong, keyId, usage, service, () => serviceOf(kong))
  }

  async #settleTapped(kong: Kong): Promise<void> {
    const text = await kong.ctx.shared.get(TAPPED)
    if (text === undefined) return
    const tapped = tappedFrom(text)
    if (tapped === undefined) return uncounted(kong, 'tap_unknown')
    const usage = tappedUsage(tapped)
    if (typeof usage === 'string') return uncounted(kong, usage)
    const service = this.#settings.service ?? tapped.service
    await this.#settle(
      kong,
      tappedKey(this.#settings.identification, tapped),
      usage,
      service,
      async () => service,
    )
  }

  async #settle(
    kong: Kong,
    keyId: string | undefined,
    usage: Usage,
    service: string | undefined,
    label: () => Promise<string>,
  ): Promise<void> {
    if (keyId === undefined) return uncounted(kong, 'no_key')
    const settlement = settlementOf(this.#settings, this.#signer, keyId, usage, clock())
    const result = await this.#runtime.settlements.settle(settlement, service, label)
    if (result.state === 'dropped') await kong.log.err(`virtual-key: ${result.reason}`)
  }
}

/** What was spent and not counted has to be seen: in the counters each time, in Kong's log now and then. */
async function uncounted(kong: Kong, reason: Uncounted): Promise<void> {
  metrics.add(`uncounted_${reason}`)
  await complain(kong, reason)
}

async function complain(kong: Kong, reason: Complaint): Promise<void> {
  const line = complaints.add(reason)
  if (line !== undefined) await kong.log.warn(line)
}

async function failed(kong: Kong, error: Error): Promise<void> {
  metrics.add('uncounted_dropped')
  await kong.log.err(`virtual-key: a response could not be counted: ${error.message}`)
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
