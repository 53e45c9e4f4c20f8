import { takeCoverage } from 'node:v8'

/**
 * After each file a worker writes down what it has covered so far. It would do so when it exits, but mocha kills a worker that takes
 * longer than a second to exit, as it does on a busy machine, and what all its files covered would be missing in the table.
 */
export const mochaHooks = {
  afterAll(): void {
    if (process.env.NODE_V8_COVERAGE) takeCoverage()
  },
}
