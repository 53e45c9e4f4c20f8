import type { Claim } from '../outbox/claim.ts'
import type { Snapshots } from '../policy/key-policy.ts'
import type { Link } from '../redis/connection.ts'
import { isFinal } from '../redis/final.ts'
import { type AdmissionRequest, type Admitted, admit } from './admit.ts'
import { PendingReleases } from './pending-releases.ts'
import { type Reservation, release, reservationOf } from './reserve.ts'

/** Reservations of requests under way that a process remembers, about 5 MB. Those beyond expire in Redis. */
const MOST_OPEN = 50_000

export interface AdmissionsOptions {
  readonly link: Link
  /** Names this process; unique, and the consumer that takes over the alerts of first denials. */
  readonly processId: string
  readonly known: Snapshots
  /** Gets the alerts of first denials. */
  readonly deliver: (claims: readonly Claim[]) => void
  readonly mostOpen?: number
}

/** What Redis decided about a request, or that it could not be asked. */
export type Decision =
  | Exclude<Admitted, { readonly state: 'method' | 'unlabelled' }>
  | {
      readonly state: 'unavailable'
      readonly trouble: Error
      /** Redis was asked, and may have reserved what the request wants. */
      readonly asked: boolean
    }

/** Asks Redis whether a request may pass, once for each request, and knows the reservations of this process's requests. */
export class Admissions {
  readonly #options: AdmissionsOptions
  readonly #open = new Set<Reservation>()
  readonly #releases: PendingReleases
  #next = 0

  constructor(options: AdmissionsOptions) {
    this.#options = options
    this.#releases = new PendingReleases(options.link.redis)
  }

  /** Names the reservation of one request. `tokens`: at least 0 */
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
    // Usage records that wait do not matter here: trouble with one node of a cluster, or a moment ago, must not admit every key.
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
          // A key without a budget reserves nothing. If it were remembered, it would in time push out those that do.
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

  /** Whether a request of this process has reserved tokens. */
  get reserving(): boolean {
    return this.#open.size > 0
  }

  /**
   * Whether this is still reserved; then it is the caller's to settle or to release. A reservation that an earlier process made may still
   * last: Redis knows, and releases each once.
   */
  take(reservation: Reservation | undefined): reservation is Reservation {
    if (reservation === undefined) return false
    return this.#open.delete(reservation) || !reservation.startsWith(`${this.#options.processId}-`)
  }

  /** Releases the reservation of a request that has nothing to count: now, or when Redis can be reached. Never throws. */
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
