import { Throttle } from '../telemetry/throttled-log.ts'
import { replyCode } from './reply.ts'

/**
 * What a server replies that may not be the one to write to any more: the master was made a replica, copies another's data, or has
 * lost its replicas. After a failover behind one address (a virtual IP, a managed Redis) the connection still leads to it, and only a
 * new connection leads to the new master. NOAUTH: only a new connection names its user again.
 */
const STALE = new Set(['READONLY', 'LOADING', 'MASTERDOWN', 'NOREPLICAS', 'NOAUTH'])

/**
 * Between two new connections for this reason, so that a server that stays read-only is not stormed by its gateways, and still short
 * enough that a new master is found within a second. Unit: milliseconds.
 */
const PAUSE = 500

/** Decides whether an error that Redis replied is a reason to connect anew. */
export class Redial {
  readonly #now: () => number
  readonly #say: (reason: string) => void
  #last = Number.NEGATIVE_INFINITY
  readonly #throttle: Throttle<'redial'>

  /** @param now milliseconds, never going back @param say gets the reason of a new connection, at most once a minute */
  constructor(now: () => number, say: (reason: string) => void) {
    this.#now = now
    this.#say = say
    this.#throttle = new Throttle(now)
  }

  /** true: the connection is to be given up for a new one. Whatever needs Redis asks again, and so finds the way. */
  after(error: Error): boolean {
    const now = this.#now()
    if (!STALE.has(replyCode(error)) || now - this.#last < PAUSE) return false
    this.#last = now
    if (this.#throttle.add('redial') !== undefined) this.#say(error.message)
    return true
  }
}
