import type { Config } from '../../schema/config.ts'
import { AdmissionControl, type Reserved } from './admission/admission-control.ts'
import type { Phases } from './description.ts'
import { Meter } from './metering/meter.ts'
import { keyNote } from './metering/tap/tapped.ts'
import type { Kong } from './pdk.ts'
import { type Settings, settingsFrom } from './policy/settings.ts'
import { fetches, runtimeFor } from './process.ts'
import { fingerprint } from './redis/names.ts'
import { RequestBody } from './request/body.ts'
import { type Denial, deny, UNAVAILABLE } from './request/denial.ts'
import { MOST_HEADERS, type RequestFacts, requestFacts } from './request/guard.ts'
import { spliced, usageChange } from './request/include-usage.ts'
import { fetchesAnswer, isLookup } from './request/lookups.ts'
import { NOTE, noteText, RESERVED } from './request/note.ts'
import { hiding } from './request/target.ts'
import { phaseLine } from './telemetry/log.ts'
import { criticalLines, metrics } from './telemetry/telemetry.ts'

export { Name, Priority, Schema, Version } from './description.ts'

/**
 * The Kong plugin: phases that translate between Kong and the decisions in the other files, and the place where fail-open or
 * fail-closed is decided. Kong proxies a request whose phase throws, so nothing may escape unseen.
 */
export class Plugin implements Record<(typeof Phases)[number], (kong: Kong) => Promise<void>> {
  readonly #settings: Settings
  readonly #meter: Meter
  readonly #admission: AdmissionControl

  /** @throws ConfigError, which Kong turns into a 500 for the route and a line in its error log */
  constructor(config: Config & { readonly __plugin_id?: string }) {
    this.#settings = settingsFrom(config)
    const id = config.__plugin_id ?? fingerprint(config)
    const runtime = runtimeFor(id, config.redis)
    const { keys, ...delivery } = this.#settings.webhook
    runtime.dispatcher.learn(id, { ...delivery, registry: this.#settings.registry }, keys)
    this.#meter = new Meter(this.#settings, id, runtime)
    this.#admission = new AdmissionControl(this.#settings, id, runtime)
  }

  async access(kong: Kong): Promise<void> {
    try {
      await this.#access(kong)
    } catch (error) {
      await kong.log.err(phaseLine(`access failed: ${(error as Error).message}`))
      if (!this.#settings.faultTolerant) await deny(kong, UNAVAILABLE, metrics)
    }
  }

  /** Buffered responses; of a tapped route only where the tap, which turns buffering off, is missing there. */
  async response(kong: Kong): Promise<void> {
    try {
      await this.#meter.buffered(kong)
    } catch (error) {
      await failed(kong, error as Error)
    }
  }

  /** Runs after every request, because it has to for tapped ones, and for those that hold tokens and were not counted. */
  async log(kong: Kong): Promise<void> {
    const { tapped, reserve } = this.#settings
    if (tapped) await this.#meter.tapped(kong).catch((error: Error) => failed(kong, error))
    if (reserve === undefined) return
    await this.#meter.release(kong).catch((error: Error) => {
      return kong.log.err(phaseLine(`a reservation stays until it expires: ${error.message}`))
    })
  }

  async #access(kong: Kong): Promise<void> {
    if (criticalLines.pending) await logCritical(kong)
    const headers = await kong.request.getHeaders(MOST_HEADERS)
    const request = requestFacts(headers)
    if (request.denial) return deny(kong, request.denial, metrics)
    const body = new RequestBody(kong, request)
    const reserved = await this.#admission.pass(kong, body)
    if (reserved && 'status' in reserved) return deny(kong, reserved, metrics)
    try {
      const denial = await this.#proxy(kong, headers, request, body, reserved)
      if (denial === undefined) return
      if (reserved) this.#admission.release(reserved)
      await deny(kong, denial, metrics)
    } catch (error) {
      if (reserved) this.#admission.release(reserved)
      throw error
    }
  }

  /** What a request that passes needs on its way, and what its later phases have to know. */
  async #proxy(
    kong: Kong,
    headers: Record<string, string[]>,
    request: RequestFacts,
    body: RequestBody,
    reserved: Reserved | undefined,
  ): Promise<Denial | undefined> {
    const { tapped, identification, askForUsage, estimate } = this.#settings
    const wish = askForUsage ? await usageChange(body, tapped) : undefined
    if (wish && 'status' in wish) return wish
    if (tapped) {
      const held = reserved ? { reservation: reserved.reservation } : {}
      const change = wish && { ...wish, length: (await body.read()).length }
      const note = { ...keyNote(identification, headers), ...held }
      await kong.ctx.shared.set(NOTE, noteText(note, { change, keep: estimate }))
    } else {
      if (reserved) await kong.ctx.shared.set(RESERVED, noteText({ key: reserved.keyId, ...reserved }))
      if (wish) await kong.service.request.setRawBody(spliced(await body.read(), wish))
      else if (!request.hasBody && !(await countable(kong))) {
        const denial = hiding(await kong.request.getRawQuery(), 'GET')
        if (denial) return denial
        // Nothing of it will be counted, so nothing of it has to be buffered, and the response phase does not run.
        await kong.nginx.setCtx('buffered_proxying', false)
        return undefined
      }
    }
    const { acceptEncoding, hidden } = request
    if (acceptEncoding !== undefined) await kong.service.request.setHeader('accept-encoding', acceptEncoding)
    for (const name of hidden) await kong.service.request.clearHeader(name)
    return undefined
  }
}

/** Whether the answer to a request without a body may report usage: it is no lookup, or fetches an answer. */
async function countable(kong: Kong): Promise<boolean> {
  const method = await kong.request.getMethod()
  if (method !== 'GET') return !isLookup(method)
  const fetching = fetchesAnswer(await kong.request.getPath())
  if (fetching) fetches.begin()
  return fetching
}

/** One line for each request, so that no client waits for many. */
async function logCritical(kong: Kong): Promise<void> {
  const line = criticalLines.take()
  if (line !== undefined) await kong.log.err(phaseLine(line))
}

async function failed(kong: Kong, error: Error): Promise<void> {
  metrics.add('uncounted_dropped')
  await kong.log.err(phaseLine(`a response could not be counted: ${error.message}`))
}
