import type { Connection } from '../redis/script.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import {
  type DeliverySettings,
  keepSettings,
  secretsMark,
  settingsText,
  shareSettings,
} from './delivery-settings.ts'
import { ANY_SECRETS } from './route.ts'
import type { SigningKey } from './sign.ts'

/** How often shared settings are kept from expiring. Unit: milliseconds. */
const RENEW = 86_400_000

interface Known {
  readonly text: string
  readonly keys: readonly SigningKey[]
  readonly mark: string
  /** When they were shared or kept last, on the clock of `performance`; undefined: they have to be shared. */
  sharedAt: number | undefined
}

/**
 * The configurations that Kong has told this process of: their secrets, which stay here, and their delivery settings, which are
 * shared through Redis so that attempts by any process go where the latest of them says. The latest word of each configuration
 * holds: Kong makes an instance anew when its configuration has changed, here and, some seconds later, on every other gateway.
 */
export class KnownConfigurations {
  readonly #redis: Connection
  readonly #trouble: ThrottledLog
  readonly #known = new Map<string, Known>()

  constructor(redis: Connection, trouble: ThrottledLog) {
    this.#redis = redis
    this.#trouble = trouble
  }

  /** @returns whether that is news to this process */
  learn(
    configuration: string,
    settings: Omit<DeliverySettings, 'secrets'>,
    keys: readonly SigningKey[],
  ): boolean {
    const mark = secretsMark(keys)
    const text = settingsText({ ...settings, secrets: mark })
    if (this.#known.get(configuration)?.text === text) return false
    this.#known.set(configuration, { text, keys, mark, sharedAt: undefined })
    return true
  }

  /** The secrets, where they are the ones that `mark` names. */
  keysOf(configuration: string, mark: string): readonly SigningKey[] | undefined {
    const known = this.#known.get(configuration)
    if (known === undefined || known.keys.length === 0) return undefined
    return mark === ANY_SECRETS || mark === known.mark ? known.keys : undefined
  }

  /**
   * An alert of it has just crossed here, so Kong uses it as it is known here: it is shared again at once, because another process
   * may have shared an older state since, or Redis may have lost it. Later that would not be known: what fails is not tried again.
   */
  used(configuration: string): void {
    const known = this.#known.get(configuration)
    // The attempt goes first.
    if (known !== undefined) setImmediate(() => this.#shareOne(configuration, known, shareSettings))
  }

  /** Shares what is new, and keeps the rest from expiring. Never throws: what fails is tried again by the next call. */
  async share(): Promise<void> {
    const now = performance.now()
    const due = [...this.#known].filter(
      ([, { sharedAt }]) => sharedAt === undefined || now - sharedAt > RENEW,
    )
    await Promise.all(
      due.map(([configuration, known]) =>
        this.#shareOne(configuration, known, known.sharedAt === undefined ? shareSettings : keepSettings),
      ),
    )
  }

  async #shareOne(configuration: string, known: Known, share: typeof shareSettings): Promise<void> {
    const what = 'settings of configurations cannot be shared with other plugin servers'
    try {
      await share(this.#redis, configuration, known.text)
      known.sharedAt = performance.now()
      this.#trouble.passed(what, configuration)
    } catch (error) {
      this.#trouble.failed(what, configuration, error)
    }
  }
}
