import { migrate } from '../../migrations/migrate.ts'
import type { Place } from './place.ts'

/** Makes an empty place hold the schema that the registry writes, as `vk migrate` does. */
export async function migrated(place: Place): Promise<void> {
  const { redis } = (await place.connect()).link
  try {
    await migrate(redis, { clock: Date.now, progress: () => undefined })
  } finally {
    redis.disconnect()
  }
}
