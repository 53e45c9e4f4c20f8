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

/** How often the expiry of shared settings is put off. Unit: milliseconds. */
const RENEW = 86_400_000

interface Known {
  readonly text: string
  readonly keys: readonly SigningKey[]
  readonly mark: string
  /** When the settings were last shared or their expiry put off, on the clock of `performance`; undefined: not shared yet. */
  sharedAt: number | undefined
}

/**
 * The configurations that Kong has told this process of: their secrets, which stay here, and their delivery settings, which are
 * shared through Redis so that attempts by any process go where the latest settings say. The settings that were shared last hold: when a
 * configuration changes, Kong makes a new instance here and, some seconds later, on every other gateway.
 */
export class KnownConfigurations {
  readonly #redis: Connection
  readonly #trouble: ThrottledLog
  readonly #known = new Map<string, Known>()

  constructor(redis: Connection, trouble: ThrottledLog) {
    this.#redis = redis
    this.#trouble = trouble
  }

  /** @returns false: this process knew these settings and secrets already */
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

  /** The secrets of the configuration; undefined where this process has none, or others than those that `mark` names. */
  keysOf(configuration: string, mark: string): readonly SigningKey[] | undefined {
    const known = this.#known.get(configuration)
    if (known === undefined || known.keys.length === 0) return undefined
    return mark === ANY_SECRETS || mark === known.mark ? known.keys : undefined
  }

  /**
   * A key of the configuration has just crossed its threshold here, so the settings known here are the ones that Kong uses now. They
   * are shared again at once, because another process may have shared older ones since, or Redis may have lost them. A failure is not
   * tried again: later it would not be certain that they are still the latest.
   */
  used(configuration: string): void {
    const known = this.#known.get(configuration)
    // The alert's first attempt starts before this.
    if (known !== undefined) setImmediate(() => this.#shareOne(configuration, known, shareSettings))
  }

  /** Shares new settings, and puts off the expiry of the others. Never throws: the next call tries again what failed. */
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
