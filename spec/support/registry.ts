import { schemaName } from '../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION } from '../../plugins/virtual-key/redis/schema-version.ts'
import { resetKey, writeKey } from '../../plugins/virtual-key/registry/write.ts'
import type { KeySettings } from '../../schema/key.ts'
import { type Connected, connected } from './connection.ts'

/** The registry as `vk keys` writes it, for specs of those who read it. */
export class Registry {
  readonly #connected: Connected

  private constructor(connection: Connected) {
    this.#connected = connection
  }

  static async open(port: number): Promise<Registry> {
    const connection = await connected(port)
    for (let p = 0; p < 16; p++) await connection.redis.hset(schemaName(p), 'version', SCHEMA_VERSION)
    return new Registry(connection)
  }

  async set(key: string, settings: { readonly [N in keyof KeySettings]?: KeySettings[N] | undefined }) {
    await writeKey(this.#connected.link.redis, key, settings, 'upsert', Date.now())
  }

  async reset(key: string, { remove = false } = {}): Promise<void> {
    await resetKey(this.#connected.link.redis, key, Date.now(), { remove })
  }

  close(): void {
    this.#connected.redis.disconnect()
  }
}
