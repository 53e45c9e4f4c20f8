/** `warn`: it works, but not as it should, or not for long. `skipped`: it could not be looked at from here, for no fault of its own. */
export type State = 'ok' | 'warn' | 'fail' | 'skipped'

/** What a check makes of the facts. No text of it holds a secret. */
export interface Judged {
  readonly state: State
  /** How things are, for people. */
  readonly finding: string
  /** What to do about it. */
  readonly advice?: string
}

/** As `vk doctor` tells it, by the name of its check. */
export interface Finding extends Judged {
  readonly check: string
}

export const ok = (finding: string, advice?: string): Judged => judged('ok', finding, advice)
export const warn = (finding: string, advice?: string): Judged => judged('warn', finding, advice)
export const fail = (finding: string, advice?: string): Judged => judged('fail', finding, advice)
export const skipped = (finding: string, advice?: string): Judged => judged('skipped', finding, advice)

function judged(state: State, finding: string, advice: string | undefined): Judged {
  return { state, finding, ...(advice === undefined ? {} : { advice }) }
}
