import { rfc3339 } from '../../../schema/alert.ts'
import { serviceLabel } from '../metering/service-label.ts'
import type { Kong } from '../pdk.ts'
import { termsOf } from '../policy/key-policy.ts'
import type { Settings } from '../policy/settings.ts'
import { clock, complaints, type Runtime } from '../process.ts'
import { SchemaError } from '../redis/schema-version.ts'
import type { RequestBody } from '../request/body.ts'
import { identify } from '../request/identity.ts'
import { isLookup } from '../request/methods.ts'
import { isObject } from '../request/request-object.ts'
import { phaseLine } from '../telemetry/log.ts'
import { metrics } from '../telemetry/telemetry.ts'
import type { Decision } from './admissions.ts'
import type { Question } from './admit.ts'
import { declaredMost } from './declared.ts'
import { MISSING_KEY, type Rejection, rejectionOf, UNAVAILABLE } from './denial.ts'
import { type Reservation, tokensOf } from './reserve.ts'
import { tokenHeaders } from './token-headers.ts'

/** What a request that may pass holds of its key's budget. */
export interface Hold {
  readonly keyId: string
  readonly reservation: Reservation
}

/** Lets requests pass or not: asks Kong who it is and Redis what holds for the key, and only where the settings need it. */
export class Gate {
  readonly #settings: Settings
  readonly #signer: string
  readonly #runtime: Runtime

  constructor(settings: Settings, signer: string, runtime: Runtime) {
    this.#settings = settings
    this.#signer = signer
    this.#runtime = runtime
  }

  /** undefined: the request may pass, and holds nothing. */
  async pass(kong: Kong, body: RequestBody): Promise<Rejection | Hold | undefined> {
    const { budget, registry, requireKey, faultTolerant, identification } = this.#settings
    const { settlements, admissions } = this.#runtime
    if (!faultTolerant && !(await settlements.available())) return UNAVAILABLE
    const asking = budget > 0 || registry
    if (!requireKey && !asking) return undefined
    const keyId = await identify(kong, identification)
    if (keyId === undefined) return requireKey ? MISSING_KEY : undefined
    if (!asking) return undefined
    const at = clock()
    const question = await this.#question(kong, keyId, body, at)
    if ('status' in question) return question
    const decision = await admissions.decide(
      question,
      async () => (/^(GET|HEAD)$/.test(await kong.request.getMethod()) ? 'read' : 'write'),
      async () => this.#settings.service ?? (await serviceLabel(kong)),
    )
    return this.#obey(kong, question, decision, at)
  }

  /**
   * Gives back what a request holds that will not be proxied, or of which later phases will not know. Its client does not wait for
   * that: Redis may be what is in trouble.
   */
  letGo({ keyId, reservation }: Hold): void {
    const { admissions } = this.#runtime
    if (admissions.take(reservation)) void admissions.release(keyId, reservation)
  }

  async #complain(kong: Kong, trouble: Error): Promise<void> {
    metrics.add('unchecked')
    const line = complaints.add('unchecked')
    if (line === undefined) return
    const text = phaseLine(`${line}: ${trouble.message}`)
    await (trouble instanceof SchemaError ? kong.log.err(text) : kong.log.warn(text))
  }

  async #question(kong: Kong, keyId: string, body: RequestBody, at: number): Promise<Question | Rejection> {
    const wanted = await this.#wanted(kong, body)
    if (typeof wanted === 'object') return wanted
    const reservation =
      wanted === undefined ? {} : { reservation: this.#runtime.admissions.newReservation(wanted) }
    return {
      ...termsOf(this.#settings, this.#signer, keyId, at),
      ...reservation,
      refuseUnknown: this.#settings.requireKey,
      alert: { key_id: keyId, timestamp: rfc3339(at) },
    }
  }

  /** What the request reserves, in tokens; undefined: it reserves nothing. Or the refusal of a body that says that unclearly. */
  async #wanted(kong: Kong, body: RequestBody): Promise<number | Rejection | undefined> {
    const { reserve } = this.#settings
    if (reserve === undefined) return undefined
    // Over HTTP/2 no header need tell of a body, so that without one only the method says whether tokens will be spent.
    if (!body.present && isLookup(await kong.request.getMethod())) return undefined
    const object = await body.object()
    if (isObject(object)) return declaredMost(object, await body.target(), reserve)
    return typeof object === 'string' ? reserve : object
  }

  async #obey(
    kong: Kong,
    { keyId, reservation }: Question,
    decision: Decision,
    at: number,
  ): Promise<Rejection | Hold | undefined> {
    const { showHeaders, faultTolerant } = this.#settings
    if (decision.state === 'unavailable') {
      await this.#complain(kong, decision.trouble)
      const held = decision.asked && reservation !== undefined ? { keyId, reservation } : undefined
      if (faultTolerant) return held
      if (held) this.letGo(held)
      return UNAVAILABLE
    }
    const { state, standing } = decision
    if (state === 'admitted') {
      if (standing.budget === 0) return undefined
      if (showHeaders) await kong.response.setHeaders(tokenHeaders(standing, at))
      return reservation === undefined ? undefined : { keyId, reservation }
    }
    metrics.add(`refused_${state}`)
    if (decision.first && decision.silent) {
      const spent = `${standing.total} of ${standing.budget} tokens`
      await kong.log.warn(phaseLine(`key ${JSON.stringify(keyId)} exceeds its budget with ${spent}`))
    }
    const wanted = reservation === undefined ? 0 : tokensOf(reservation)
    return rejectionOf(state, standing, wanted, at, showHeaders)
  }
}
