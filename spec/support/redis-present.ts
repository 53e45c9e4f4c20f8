import { redisServer } from '../../dev/redis.ts'

/** Once, before the first spec, because installing Redis on a new machine takes longer than a spec may. */
export async function mochaGlobalSetup(): Promise<void> {
  await redisServer()
}
