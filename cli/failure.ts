/** 0 = done, 1 = not done (see the message), 2 = called wrongly, 3 = Redis or Kong cannot be reached. */
export type ExitCode = 0 | 1 | 2 | 3

/** Ends a command with a message for people and a code for programs. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: Exclude<ExitCode, 0>

  constructor(message: string, exitCode: Exclude<ExitCode, 0> = 1, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
