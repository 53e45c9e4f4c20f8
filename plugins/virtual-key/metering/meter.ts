import type { Admissions } from '../admission/admissions.ts'
import { REMAINING, remaining } from '../admission/key-denial.ts'
import type { Reservation } from '../admission/reserve.ts'
import type { Kong } from '../pdk.ts'
import type { QuotaStatus } from '../policy/key-policy.ts'
import type { Settings } from '../policy/settings.ts'
import { SchemaError } from '../redis/schema-version.ts'
import { type Denial, deny } from '../request/denial.ts'
import { identify, serviceLabel } from '../request/identity.ts'
import type { Fetches } from '../request/lookups.ts'
import { isLookup } from '../request/lookups.ts'
import { NOTE, type Note, noteFrom, RESERVED, TAPPED } from '../request/note.ts'
import { phaseLine } from '../telemetry/log.ts'
import type { Metrics, Uncounted } from '../telemetry/metrics.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Concern, UncountedLog } from '../telemetry/uncounted-log.ts'
import type { Answer, Usage } from '../usage/read-usage.ts'
import { hiddenBy, readResponse } from './buffered-response.ts'
import { NOTHING, type Sample } from './estimate/bounded-sample.ts'
import { counted } from './estimate/counted.ts'
import { type Estimate, isAnswer } from './estimate/estimate.ts'
import type { Estimator } from './estimate/estimator.ts'
import { readRequest } from './estimate/request.ts'
import { sampleOf, tappedFrom, tappedKey, tappedUsage } from './tap/tapped.ts'
import { usageRecordOf } from './usage-record.ts'
import type { UsageSettler } from './usage-settler.ts'

/** Where a line for the operator goes: into Kong's log inside a phase, into the plugin server's output after it. */
type Tell = (line: string) => unknown

/** One response on its way to a usage record. */
interface Response {
  readonly keyId: string | undefined
  /** The label of alerts, where it is known at no cost. */
  readonly service: string | undefined
  readonly label: () => Promise<string>
  readonly reported: Usage | Uncounted
  /** The whole of it was seen. */
  readonly ended: boolean
  /** Where it can be fetched. */
  readonly kept: Answer | undefined
  /** What its request has reserved. */
  readonly reservation: Reservation | undefined
}

/** What it needs of the process. */
export interface MeterServices {
  readonly settler: UsageSettler
  readonly admissions: Admissions
  readonly estimator: Estimator
  readonly fetches: Fetches
  readonly telemetry: Telemetry
  readonly uncounted: UncountedLog
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

/** Counts responses: finds out what they cost and settles that, or makes visible why not. */
export class Meter {
  readonly #settings: Settings
  readonly #configuration: string
  readonly #services: MeterServices

  constructor(settings: Settings, configuration: string, services: MeterServices) {
    this.#settings = settings
    this.#configuration = configuration
    this.#services = services
  }

  /** In the response phase, while the client waits. Of a tapped route only where the tap, which turns buffering off, is missing. */
  async buffered(kong: Kong): Promise<void> {
    const { identification, service, tapped, estimate, reserve, showHeaders } = this.#settings
    const { log, metrics } = this.#services.telemetry
    const tell: Tell = (line) => kong.log.warn(phaseLine(line))
    if (tapped) {
      if (isLookup(await kong.request.getMethod())) return
      metrics.add('tap_missing')
      await this.#report(tell, 'tap_missing')
    }
    const seen = await readResponse(kong)
    if (seen === undefined) return
    const { usage: reported, body, type, encoding, answer: kept } = seen
    if (kept !== undefined && this.#services.fetches.possible && repeats(reported, kept))
      if ((await kong.request.getMethod()) === 'GET') return
    const answer = { head: body, seen: seen.seen, type, encoding }
    const hidden = await hiddenBy(kong, seen, this.#settings.undeclared)
    if (typeof reported === 'string' && !hidden) {
      const missing = estimate && (kept?.background || isAnswer({ request: NOTHING, ...answer }))
      if (!missing) return this.#uncounted(tell, reported)
    }
    const { key, reservation } = reserve === undefined ? ({} as Note) : await this.#noteOf(kong)
    const keyId = key ?? (await identify(kong, identification))
    const response = {
      keyId,
      service,
      label: () => serviceLabel(kong),
      reported,
      ended: true,
      kept,
      reservation,
    }
    if (typeof reported !== 'string' && !hidden) {
      const quota = await this.#settle(tell, response)
      if (showHeaders && quota && quota.budget > 0) await kong.response.setHeader(REMAINING, remaining(quota))
      return
    }
    if (hidden?.least === 0) return withhold(kong, hidden.denial, metrics)
    const sample = { ...(await readRequest(kong)), ...answer }
    // The client does not wait for the estimate, so that Kong cannot be asked for the label any more.
    const label = service ?? (await serviceLabel(kong))
    const taken = { ...response, service: label, ...(hidden && { reported: 'no_usage' as const }) }
    void this.#settle(log.warn, taken, sample, hidden?.least).catch((error: Error) => {
      metrics.add('uncounted_dropped')
      log.error(`a response could not be counted: ${error.message}`)
    })
    if (hidden) await withhold(kong, hidden.denial, metrics)
  }

  /** In the log phase, when the client has everything. One PDK call. */
  async tapped(kong: Kong): Promise<void> {
    const tell: Tell = (line) => kong.log.warn(phaseLine(line))
    const text = await kong.ctx.shared.get(TAPPED)
    if (text === undefined) return
    const tapped = tappedFrom(text)
    if (tapped === undefined) return this.#uncounted(tell, 'tap_unknown')
    const { ended } = tapped
    const { reservation } = noteFrom(tapped.note)
    const { reported, answer: kept } = tappedUsage(tapped)
    if (tapped.fetched && repeats(reported, kept)) return
    const service = this.#settings.service ?? tapped.service
    const keyId = tappedKey(this.#settings.identification, tapped)
    const response = { keyId, service, label: async () => service, reported, ended, kept, reservation }
    const missing = this.#settings.estimate && (typeof reported === 'string' || !ended)
    await this.#settle(tell, response, missing ? sampleOf(tapped) : undefined)
  }

  /** In the log phase: releases what a request has reserved whose response was not counted. At most two PDK calls. */
  async release(kong: Kong): Promise<void> {
    const { admissions } = this.#services
    if (!admissions.reserving) return
    const { key, reservation } = await this.#noteOf(kong)
    if (!admissions.take(reservation)) return
    const keyId = key ?? (await identify(kong, this.#settings.identification))
    if (keyId !== undefined) await admissions.release(keyId, reservation)
  }

  async #noteOf(kong: Kong): Promise<Note> {
    return noteFrom((await kong.ctx.shared.get(this.#settings.tapped ? NOTE : RESERVED)) ?? '')
  }

  /**
   * How the key stands afterwards, where that is known. The reservation lasts until the usage is settled, or until it
   * turns out that there is nothing to settle: an estimate may take longer than the request's log phase takes to come.
   * @param sample to estimate by, where a report is missing @param least of what the estimate takes the answer for, in tokens
   */
  async #settle(
    tell: Tell,
    { keyId, service, label, reported, ended, kept, reservation }: Response,
    sample?: Sample,
    least = 0,
  ): Promise<QuotaStatus | undefined> {
    const { admissions, settler, estimator, clock } = this.#services
    const reserved = admissions.take(reservation) ? reservation : undefined
    // It has only begun, and is counted again when it is fetched.
    const begun = kept?.background ? kept.id : undefined
    const later = begun !== undefined
    const estimate =
      keyId === undefined ? undefined : sample && (await estimator.estimate({ ...sample, later }))
    const whole = ended && !later
    const result = counted(reported, least > 0 ? atLeast(estimate, least) : estimate, whole)
    if (keyId === undefined || typeof result === 'string') {
      if (keyId !== undefined && reserved !== undefined) await admissions.release(keyId, reserved)
      await this.#uncounted(tell, typeof result === 'string' ? result : 'no_key')
      return undefined
    }
    const facts = { keyId, counted: result, service, reservation: reserved, answer: begun }
    const record = usageRecordOf(facts, this.#settings, this.#configuration, clock())
    const settled = await settler.settle(record, label)
    if (settled.state === 'dropped') {
      if (reserved !== undefined) await admissions.release(keyId, reserved)
      await tell(settled.reason)
    }
    if (settled.state === 'waiting' && settled.trouble instanceof SchemaError)
      await this.#report(tell, 'schema_newer')
    return settled.state === 'settled' ? settled.quota : undefined
  }

  /** Usage that was spent and not counted must show: each time in the metrics, now and then in the log. */
  async #uncounted(tell: Tell, reason: Uncounted): Promise<void> {
    this.#services.telemetry.metrics.add(`uncounted_${reason}`)
    await this.#report(tell, reason)
  }

  async #report(tell: Tell, reason: Concern): Promise<void> {
    const line = this.#services.uncounted.add(reason)
    if (line !== undefined) await tell(line)
  }
}

/** Whether an answer, when it is fetched, tells only what was counted when it was made. One that was made in the background tells more. */
function repeats(reported: Usage | Uncounted, kept: Answer | undefined): boolean {
  return !kept?.background || typeof reported === 'string'
}

function atLeast(estimate: Estimate | undefined, least: number): Estimate {
  return { ...estimate, completion: Math.max(estimate?.completion ?? 0, least), answered: true }
}

/** Denies a request that the upstream has answered already: that answer does not reach the client. */
async function withhold(kong: Kong, denial: Denial, metrics: Metrics): Promise<void> {
  // The header is the upstream's, and the client would decode the denial by it.
  await kong.response.clearHeader('content-encoding')
  await deny(kong, denial, metrics)
}
