import type { Config } from '../../schema/config.ts'
import { AdmissionControl, type Reserved } from './admission/admission-control.ts'
import type { Phases } from './description.ts'
import { Meter } from './metering/meter.ts'
import { keyNote } from './metering/tap/tapped.ts'
import type { UsageSettler } from './metering/usage-settler.ts'
import type { Kong } from './pdk.ts'
import { type Settings, settingsFrom } from './policy/settings.ts'
import { ProcessServices } from './process.ts'
import { fingerprint } from './redis/names.ts'
import { SchemaError } from './redis/schema-version.ts'
import { RequestBody } from './request/body.ts'
import { type Denial, deny, UNAVAILABLE } from './request/denial.ts'
import { MOST_HEADERS, type RequestFacts, requestFacts } from './request/guard.ts'
import { spliced, usageChange } from './request/include-usage.ts'
import { fetchesAnswer, isLookup } from './request/lookups.ts'
import { NOTE, noteText, RESERVED } from './request/note.ts'
import { hiding } from './request/target.ts'
import type { CriticalLines } from './telemetry/critical-lines.ts'
import { phaseLine } from './telemetry/log.ts'

/** For kong-pdk's own loader, which knows no process: made by the first instance. */
let ownServices: ProcessServices | undefined

function ownProcess(): ProcessServices {
  ownServices ??= new ProcessServices()
  return ownServices
}

export { Name, Priority, Schema, Version } from './description.ts'

/** Kong adds its own id of the configuration. */
type PluginConfig = Config & { readonly __plugin_id?: string }

/**
 * The Kong plugin: phases that translate between Kong and the decisions in the other files, and the place where fail-open or
 * fail-closed is decided. Kong proxies a request whose phase throws, so nothing may escape unseen.
 */
export class Plugin implements Record<(typeof Phases)[number], (kong: Kong) => Promise<void>> {
  readonly #settings: Settings
  readonly #services: ProcessServices
  readonly #settler: UsageSettler
  readonly #meter: Meter
  readonly #admission: AdmissionControl

  /** @throws ConfigError, which Kong turns into a 500 for the route and a line in its error log */
  constructor(config: PluginConfig, services = ownProcess()) {
    this.#services = services
    this.#settings = settingsFrom(config)
    const id = config.__plugin_id ?? fingerprint(config)
    const { settler, admissions, dispatcher } = services.runtimeFor(id, config.redis)
    this.#settler = settler
    const { keys, ...delivery } = this.#settings.webhook
    dispatcher.learn(id, { ...delivery, registry: this.#settings.registry }, keys)
    const { clock, estimator, fetches, telemetry, uncounted } = services
    const parts = { clock, estimator, fetches, telemetry, uncounted }
    this.#meter = new Meter(this.#settings, id, { settler, admissions, ...parts })
    this.#admission = new AdmissionControl(this.#settings, id, { admissions, ...parts })
  }

  async access(kong: Kong): Promise<void> {
    try {
      await this.#access(kong)
    } catch (error) {
      await kong.log.err(phaseLine(`access failed: ${(error as Error).message}`))
      if (!this.#settings.faultTolerant) await this.#deny(kong, UNAVAILABLE)
    }
  }

  /** Buffered responses; of a tapped route only where the tap, which turns buffering off, is missing there. */
  async response(kong: Kong): Promise<void> {
    try {
      await this.#meter.buffered(kong)
    } catch (error) {
      await this.#failed(kong, error as Error)
    }
  }

  /** Kong runs it after every request. It counts tapped responses, and releases what requests reserved whose responses were not counted. */
  async log(kong: Kong): Promise<void> {
    const { tapped, reserve } = this.#settings
    if (tapped) await this.#meter.tapped(kong).catch((error: Error) => this.#failed(kong, error))
    if (reserve === undefined) return
    await this.#meter.release(kong).catch((error: Error) => {
      return kong.log.err(phaseLine(`a reservation stays until it expires: ${error.message}`))
    })
  }

  async #access(kong: Kong): Promise<void> {
    const { criticalLines } = this.#services.telemetry
    if (criticalLines.pending) await logCritical(kong, criticalLines)
    const headers = await kong.request.getHeaders(MOST_HEADERS)
    const request = requestFacts(headers)
    if (request.denial) return this.#deny(kong, request.denial)
    const body = new RequestBody(kong, request)
    const reserved = await this.#admit(kong, body)
    if (reserved && 'status' in reserved) return this.#deny(kong, reserved)
    try {
      const denial = await this.#proxy(kong, headers, request, body, reserved)
      if (denial === undefined) return
      if (reserved) this.#admission.release(reserved)
      await this.#deny(kong, denial)
    } catch (error) {
      if (reserved) this.#admission.release(reserved)
      throw error
    }
  }

  /** What the request has reserved, if anything, or why it is denied. What happens where Redis cannot tell is decided here. */
  async #admit(kong: Kong, body: RequestBody): Promise<Denial | Reserved | undefined> {
    const { faultTolerant } = this.#settings
    if (!faultTolerant && !(await this.#settler.available())) return UNAVAILABLE
    const result = await this.#admission.admit(kong, body)
    if (result.state === 'denied') return result.denial
    if (result.state === 'admitted') return result.reserved
    await this.#reportUnchecked(kong, result.cause)
    if (faultTolerant) return result.reserved
    if (result.reserved) this.#admission.release(result.reserved)
    return UNAVAILABLE
  }

  async #reportUnchecked(kong: Kong, cause: Error): Promise<void> {
    const { telemetry, uncounted } = this.#services
    telemetry.metrics.add('unchecked')
    const line = uncounted.add('unchecked')
    if (line === undefined) return
    const text = phaseLine(`${line}: ${cause.message}`)
    await (cause instanceof SchemaError ? kong.log.err(text) : kong.log.warn(text))
  }

  /** Prepares an admitted request for the upstream, and notes what its later phases have to know. */
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
      const reservation = reserved ? { reservation: reserved.reservation } : {}
      const change = wish && { ...wish, length: (await body.read()).length }
      const note = { ...keyNote(identification, headers), ...reservation }
      await kong.ctx.shared.set(NOTE, noteText(note, { change, keep: estimate }))
    } else {
      if (reserved) await kong.ctx.shared.set(RESERVED, noteText({ key: reserved.keyId, ...reserved }))
      if (wish) await kong.service.request.setRawBody(spliced(await body.read(), wish))
      else if (!request.hasBody && !(await this.#countable(kong))) {
        const denial = hiding(await kong.request.getRawQuery(), 'GET')
        if (denial) return denial
        // The response will not be counted, so Kong need not buffer it, and the response phase does not run.
        await kong.nginx.setCtx('buffered_proxying', false)
        return undefined
      }
    }
    const { acceptEncoding, hidden } = request
    if (acceptEncoding !== undefined) await kong.service.request.setHeader('accept-encoding', acceptEncoding)
    for (const name of hidden) await kong.service.request.clearHeader(name)
    return undefined
  }

  /** Whether the answer to a request without a body may report usage: it is no lookup, or fetches an answer. */
  async #countable(kong: Kong): Promise<boolean> {
    const method = await kong.request.getMethod()
    if (method !== 'GET') return !isLookup(method)
    const fetching = fetchesAnswer(await kong.request.getPath())
    if (fetching) this.#services.fetches.begin()
    return fetching
  }

  #deny(kong: Kong, denial: Denial): Promise<void> {
    return deny(kong, denial, this.#services.telemetry.metrics)
  }

  async #failed(kong: Kong, error: Error): Promise<void> {
    this.#services.telemetry.metrics.add('uncounted_dropped')
    await kong.log.err(phaseLine(`a response could not be counted: ${error.message}`))
  }
}

/** One line per request, so that no client waits for many. */
async function logCritical(kong: Kong, criticalLines: CriticalLines): Promise<void> {
  const line = criticalLines.take()
  if (line !== undefined) await kong.log.err(phaseLine(line))
}

/** The plugin as a process of ours loads it: its instances share what belongs to that process. */
export function pluginFor(services: ProcessServices): new (config: PluginConfig) => Plugin {
  return class extends Plugin {
    constructor(config: PluginConfig) {
      super(config, services)
    }
  }
}
