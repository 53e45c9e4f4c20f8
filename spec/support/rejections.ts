/** Rejections that nobody handles fail the spec under way, as they would end a process. Mocha listens for them and does nothing. */
export const mochaHooks = {
  // A worker loses its listeners after each file.
  beforeAll(): void {
    process.on('unhandledRejection', rethrow)
  },
  afterAll(): void {
    process.off('unhandledRejection', rethrow)
  },
}

function rethrow(reason: unknown): never {
  throw reason
}
