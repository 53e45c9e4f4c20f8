import { rfc3339 } from '../../../schema/alert.ts'
import type { Kong } from '../pdk.ts'
import { policyOf, type Settings } from '../policy/settings.ts'
import { isObject, type RequestBody } from '../request/body.ts'
import { type Denial, MISSING_KEY } from '../request/denial.ts'
import { identify, serviceLabel } from '../request/identity.ts'
import { isLookup } from '../request/lookups.ts'
import { phaseLine } from '../telemetry/log.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Admissions, Decision } from './admissions.ts'
import type { AdmissionRequest } from './admit.ts'
import { declaredMost } from './declared.ts'
import { denialOf, tokenHeaders } from './key-denial.ts'
import { type Reservation, tokensOf } from './reserve.ts'

/** What an admitted request has reserved of its key's budget. */
export interface Reserved {
  readonly keyId: string
  readonly reservation: Reservation
}

/** Whether a request may pass. Where Redis could not tell it, the request may have reserved tokens all the same. */
export type AdmissionResult =
  | { readonly state: 'admitted'; readonly reserved?: Reserved }
  | { readonly state: 'denied'; readonly denial: Denial }
  | { readonly state: 'unavailable'; readonly cause: Error; readonly reserved?: Reserved }

/** What it needs of the process. */
export interface AdmissionServices {
  readonly admissions: Admissions
  readonly telemetry: Telemetry
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

const ADMITTED: AdmissionResult = { state: 'admitted' }

/** Decides whether a request may pass. It asks Kong for the key and Redis for the key's quota, and only where the settings need it. */
export class AdmissionControl {
  readonly #settings: Settings
  readonly #configuration: string
  readonly #services: AdmissionServices

  constructor(settings: Settings, configuration: string, services: AdmissionServices) {
    this.#settings = settings
    this.#configuration = configuration
    this.#services = services
  }

  async admit(kong: Kong, body: RequestBody): Promise<AdmissionResult> {
    const { budget, registry, requireKey, identification } = this.#settings
    const asking = budget > 0 || registry
    if (!requireKey && !asking) return ADMITTED
    const keyId = await identify(kong, identification)
    if (keyId === undefined) return requireKey ? { state: 'denied', denial: MISSING_KEY } : ADMITTED
    if (!asking) return ADMITTED
    const at = this.#services.clock()
    const request = await this.#request(kong, keyId, body, at)
    if ('status' in request) return { state: 'denied', denial: request }
    const decision = await this.#services.admissions.decide(
      request,
      async () => (/^(GET|HEAD)$/.test(await kong.request.getMethod()) ? 'read' : 'write'),
      async () => this.#settings.service ?? (await serviceLabel(kong)),
    )
    return this.#apply(kong, request, decision, at)
  }

  /**
   * Releases what a request has reserved that will not be proxied, or whose later phases will not know of it. The client does not wait:
   * Redis may be what is in trouble.
   */
  release({ keyId, reservation }: Reserved): void {
    const { admissions } = this.#services
    if (admissions.take(reservation)) void admissions.release(keyId, reservation)
  }

  async #request(
    kong: Kong,
    keyId: string,
    body: RequestBody,
    at: number,
  ): Promise<AdmissionRequest | Denial> {
    const wanted = await this.#wanted(kong, body)
    if (typeof wanted === 'object') return wanted
    const reservation =
      wanted === undefined ? {} : { reservation: this.#services.admissions.newReservation(wanted) }
    return {
      ...policyOf(this.#settings, this.#configuration, keyId, at),
      ...reservation,
      denyUnknown: this.#settings.requireKey,
      alert: { key_id: keyId, timestamp: rfc3339(at) },
    }
  }

  /** What the request reserves, in tokens; undefined: it reserves nothing. Or why the request is denied: its body declares that unclearly. */
  async #wanted(kong: Kong, body: RequestBody): Promise<number | Denial | undefined> {
    const { reserve } = this.#settings
    if (reserve === undefined) return undefined
    // Over HTTP/2 no header need tell of a body, so that without one only the method says whether tokens will be spent.
    if (!body.present && isLookup(await kong.request.getMethod())) return undefined
    const object = await body.object()
    if (isObject(object)) return declaredMost(object, await body.target(), reserve)
    return typeof object === 'string' ? reserve : object
  }

  async #apply(
    kong: Kong,
    { keyId, reservation }: AdmissionRequest,
    decision: Decision,
    at: number,
  ): Promise<AdmissionResult> {
    const { showHeaders } = this.#settings
    const reserved = reservation === undefined ? {} : { reserved: { keyId, reservation } }
    if (decision.state === 'unavailable') {
      return { state: 'unavailable', cause: decision.trouble, ...(decision.asked ? reserved : {}) }
    }
    const { state, quota } = decision
    if (state === 'admitted') {
      if (quota.budget === 0) return ADMITTED
      if (showHeaders) await kong.response.setHeaders(tokenHeaders(quota, at))
      return { state: 'admitted', ...reserved }
    }
    this.#services.telemetry.metrics.add(`denied_${state}`)
    if (decision.first && decision.silent) {
      const spent = `${quota.total} of ${quota.budget} tokens`
      await kong.log.warn(phaseLine(`key ${JSON.stringify(keyId)} exceeds its budget with ${spent}`))
    }
    const wanted = reservation === undefined ? 0 : tokensOf(reservation)
    return { state: 'denied', denial: denialOf(state, quota, wanted, at, showHeaders) }
  }
}
