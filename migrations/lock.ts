import { randomBytes } from 'node:crypto'
import { migrationLockName, PARTITIONS } from '../plugins/virtual-key/redis/names.ts'
import { type Connection, run } from '../plugins/virtual-key/redis/script.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'

/** A lock that is not renewed for this long belongs to a process that died. Unit: milliseconds. */
export const EXPIRY = 10_000

/** This process was stopped for longer than its lock lasts, so another process may have taken over. */
export class LockLost extends Error {
  override readonly name = 'LockLost'

  constructor(options?: ErrorOptions) {
    super(
      'this vk migrate has lost its lock and stopped: another one goes on, or goes on where it was when it is run again',
      options,
    )
  }
}

export const renewScript = MIGRATION_SCRIPTS.script<
  [{ readonly token: string; readonly expiry: number }],
  0 | 1
>('migrate-renew-lock')

export const releaseScript = MIGRATION_SCRIPTS.script<[{ readonly token: string }], 0 | 1>(
  'migrate-release-lock',
)

/**
 * The right to migrate: the same token in every partition, so that each script can check it in its own slot, atomically with its writes.
 * The process that holds partition 0 migrates; the locks of the other partitions follow from it.
 */
export class Lock {
  readonly token: string
  readonly #redis: Connection
  readonly #renewal: NodeJS.Timeout

  private constructor(redis: Connection, token: string, expiry: number) {
    this.#redis = redis
    this.token = token
    // If a renewal fails, the next script that writes notices it, because it checks the token itself.
    this.#renewal = setInterval(
      () => void this.#everywhere((name) => run(redis, renewScript, [name], { token, expiry })),
      expiry / 3,
    )
  }

  /**
   * The scripts of the migrations must be defined on the connection.
   * @param expiry milliseconds
   * @returns undefined if another process holds it, or has died and its lock has not expired yet
   * @throws ReplyError or a connection's Error
   */
  static async take(redis: Connection, expiry: number): Promise<Lock | undefined> {
    const token = randomBytes(16).toString('hex')
    const set = async (partition: number) =>
      (await redis.set(migrationLockName(partition), token, 'PX', expiry, 'NX')) === 'OK'
    if (!(await set(0))) return undefined
    const lock = new Lock(redis, token, expiry)
    const rest = Array.from({ length: PARTITIONS - 1 }, (_, i) => set(i + 1))
    const taken = await Promise.allSettled(rest)
    if (taken.every((one) => one.status === 'fulfilled' && one.value)) return lock
    await lock.release()
    for (const one of taken) if (one.status === 'rejected') throw one.reason
    return undefined
  }

  /** Releases it. Never throws: a lock that cannot be released expires. */
  async release(): Promise<void> {
    clearInterval(this.#renewal)
    const { token } = this
    await this.#everywhere((name) => run(this.#redis, releaseScript, [name], { token }))
  }

  async #everywhere(step: (lockName: string) => Promise<unknown>): Promise<void> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    await Promise.allSettled(partitions.map((partition) => step(migrationLockName(partition))))
  }
}

/** Whether a process migrates, or has died a moment ago while it did. @throws ReplyError or a connection's Error */
export async function isHeld(redis: Connection): Promise<boolean> {
  return (await redis.exists(migrationLockName(0))) === 1
}
