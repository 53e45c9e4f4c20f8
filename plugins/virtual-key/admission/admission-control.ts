import { rfc3339 } from '../../../schema/alert.ts'
import type { Kong } from '../pdk.ts'
import { policyOf, type Settings } from '../policy/settings.ts'
import { clock, complaints, type RedisRuntime } from '../process.ts'
import { SchemaError } from '../redis/schema-version.ts'
import { isObject, type RequestBody } from '../request/body.ts'
import { type Denial, MISSING_KEY, UNAVAILABLE } from '../request/denial.ts'
import { identify, serviceLabel } from '../request/identity.ts'
import { isLookup } from '../request/lookups.ts'
import { phaseLine } from '../telemetry/log.ts'
import { metrics } from '../telemetry/telemetry.ts'
import type { AdmissionResult } from './admissions.ts'
import type { AdmissionRequest } from './admit.ts'
import { declaredMost } from './declared.ts'
import { denialOf, tokenHeaders } from './key-denial.ts'
import { type Reservation, tokensOf } from './reserve.ts'

/** What a request that may pass holds of its key's budget. */
export interface Reserved {
  readonly keyId: string
  readonly reservation: Reservation
}

/** Lets requests pass or not: asks Kong who it is and Redis what holds for the key, and only where the settings need it. */
export class AdmissionControl {
  readonly #settings: Settings
  readonly #configuration: string
  readonly #runtime: RedisRuntime

  constructor(settings: Settings, configuration: string, runtime: RedisRuntime) {
    this.#settings = settings
    this.#configuration = configuration
    this.#runtime = runtime
  }

  /** undefined: the request may pass, and holds nothing. */
  async pass(kong: Kong, body: RequestBody): Promise<Denial | Reserved | undefined> {
    const { budget, registry, requireKey, faultTolerant, identification } = this.#settings
    const { settler, admissions } = this.#runtime
    if (!faultTolerant && !(await settler.available())) return UNAVAILABLE
    const asking = budget > 0 || registry
    if (!requireKey && !asking) return undefined
    const keyId = await identify(kong, identification)
    if (keyId === undefined) return requireKey ? MISSING_KEY : undefined
    if (!asking) return undefined
    const at = clock()
    const request = await this.#request(kong, keyId, body, at)
    if ('status' in request) return request
    const decision = await admissions.decide(
      request,
      async () => (/^(GET|HEAD)$/.test(await kong.request.getMethod()) ? 'read' : 'write'),
      async () => this.#settings.service ?? (await serviceLabel(kong)),
    )
    return this.#apply(kong, request, decision, at)
  }

  /**
   * Gives back what a request holds that will not be proxied, or of which later phases will not know. Its client does not wait for
   * that: Redis may be what is in trouble.
   */
  release({ keyId, reservation }: Reserved): void {
    const { admissions } = this.#runtime
    if (admissions.take(reservation)) void admissions.release(keyId, reservation)
  }

  async #report(kong: Kong, trouble: Error): Promise<void> {
    metrics.add('unchecked')
    const line = complaints.add('unchecked')
    if (line === undefined) return
    const text = phaseLine(`${line}: ${trouble.message}`)
    await (trouble instanceof SchemaError ? kong.log.err(text) : kong.log.warn(text))
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
      wanted === undefined ? {} : { reservation: this.#runtime.admissions.newReservation(wanted) }
    return {
      ...policyOf(this.#settings, this.#configuration, keyId, at),
      ...reservation,
      denyUnknown: this.#settings.requireKey,
      alert: { key_id: keyId, timestamp: rfc3339(at) },
    }
  }

  /** What the request reserves, in tokens; undefined: it reserves nothing. Or the refusal of a body that says that unclearly. */
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
    decision: AdmissionResult,
    at: number,
  ): Promise<Denial | Reserved | undefined> {
    const { showHeaders, faultTolerant } = this.#settings
    if (decision.state === 'unavailable') {
      await this.#report(kong, decision.trouble)
      const reserved = decision.asked && reservation !== undefined ? { keyId, reservation } : undefined
      if (faultTolerant) return reserved
      if (reserved) this.release(reserved)
      return UNAVAILABLE
    }
    const { state, quota } = decision
    if (state === 'admitted') {
      if (quota.budget === 0) return undefined
      if (showHeaders) await kong.response.setHeaders(tokenHeaders(quota, at))
      return reservation === undefined ? undefined : { keyId, reservation }
    }
    metrics.add(`denied_${state}`)
    if (decision.first && decision.silent) {
      const spent = `${quota.total} of ${quota.budget} tokens`
      await kong.log.warn(phaseLine(`key ${JSON.stringify(keyId)} exceeds its budget with ${spent}`))
    }
    const wanted = reservation === undefined ? 0 : tokensOf(reservation)
    return denialOf(state, quota, wanted, at, showHeaders)
  }
}
