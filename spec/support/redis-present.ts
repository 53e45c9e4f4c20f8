import { redisServer } from '../../dev/redis.ts'

/** Before the first spec, because installing Redis on a new machine takes longer than a spec may. */
export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(600_000)
    await redisServer()
  },
}
