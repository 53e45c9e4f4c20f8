import type { Claim } from '../outbox/claim.ts'
import type { Snapshots } from '../policy/key-policy.ts'
import type { Link } from '../redis/connection.ts'
import { isFinal } from '../redis/final.ts'
import { type AdmissionRequest, type Admitted, admit } from './admit.ts'
import { PendingReleases } from './pending-releases.ts'
import { type Reservation, release, reservationOf } from './reserve.ts'

/** Requests under way that hold tokens. About 5 MB; what is pushed out expires in Redis. */
const MOST_OPEN = 50_000

export interface AdmissionsOptions {
  readonly link: Link
  /** Names this process; unique, and the consumer that takes over the alerts of first rejections. */
  readonly processId: string
  readonly known: Snapshots
  /** Gets the alerts of first rejections. */
  readonly deliver: (claims: readonly Claim[]) => void
  readonly mostOpen?: number
}

/** The answer to a question, where Redis gave one. */
export type Decision =
  | Exclude<Admitted, { readonly state: 'method' | 'unlabelled' }>
  | {
      readonly state: 'unavailable'
      readonly trouble: Error
      /** Redis was asked, and may have reserved what the request wants. */
      readonly asked: boolean
    }

/** Asks Redis who may pass, once for each request, and knows which requests of this process hold tokens. */
export class Admissions {
  readonly #options: AdmissionsOptions
  readonly #open = new Set<Reservation>()
  readonly #releases: PendingReleases
  #next = 0

  constructor(options: AdmissionsOptions) {
    this.#options = options
    this.#releases = new PendingReleases(options.link.redis)
  }

  /** A name for what one request wants to hold. `tokens`: at least 0 */
  newReservation(tokens: number): Reservation {
    return reservationOf(`${this.#options.processId}-${this.#next++}`, tokens)
  }

  /**
   * @param method asks what the request does: only for a key of scope `read`
   * @param label asks for the service's label: only at the first rejection for a budget
   */
  async decide(
    request: AdmissionRequest,
    method: () => Promise<'read' | 'write'>,
    label: () => Promise<string>,
  ): Promise<Decision> {
    const { link, processId, known, deliver } = this.#options
    if (link.redis.status !== 'ready') await link.opened
    // Whether settlements wait does not matter: one node of a cluster, or a moment ago, must not open the gate for all keys.
    if (link.redis.status !== 'ready')
      return { state: 'unavailable', trouble: new Error('Redis is away'), asked: false }
    let asked = request
    let service: string | undefined
    try {
      for (;;) {
        const admitted = await admit(link.redis, processId, asked, service, known)
        if (admitted.state === 'method') asked = { ...asked, method: await method() }
        else if (admitted.state === 'unlabelled') service = await label().catch(() => '')
        else {
          // A key without a budget holds nothing: remembered all the same, it would in time push out those that do.
          if (admitted.state === 'admitted' && admitted.quota.budget > 0) this.#remember(request.reservation)
          if (admitted.state !== 'admitted') deliver(admitted.claims)
          return admitted
        }
      }
    } catch (trouble) {
      this.#remember(request.reservation)
      return { state: 'unavailable', trouble: trouble as Error, asked: true }
    }
  }

  /** Some request of this process holds tokens. */
  get reserving(): boolean {
    return this.#open.size > 0
  }

  /**
   * Whether a request still holds this, which from now on is the caller's to settle or to release. What an earlier process has
   * admitted may be held still: Redis knows, and gives each back once.
   */
  take(reservation: Reservation | undefined): reservation is Reservation {
    if (reservation === undefined) return false
    return this.#open.delete(reservation) || !reservation.startsWith(`${this.#options.processId}-`)
  }

  /** Gives back what a request holds that has nothing to count: now, or when Redis takes it. Never throws. */
  async release(keyId: string, reservation: Reservation): Promise<void> {
    await release(this.#options.link.redis, keyId, reservation).catch((error) => {
      if (!isFinal(error)) this.#releases.add(keyId, reservation)
    })
  }

  #remember(reservation: Reservation | undefined): void {
    if (reservation === undefined) return
    this.#open.add(reservation)
    if (this.#open.size <= (this.#options.mostOpen ?? MOST_OPEN)) return
    const [eldest] = this.#open
    if (eldest !== undefined) this.#open.delete(eldest)
  }
}
