import type { Log } from '../../plugins/virtual-key/log.ts'
import { Failure } from '../failure.ts'
import { json } from '../json.ts'
import type { KeySecret } from '../key-secret.ts'
import { type Applied, apply, type Means, type State } from './apply.ts'
import { type Change, lineOf, oneLine, type Plan } from './changes.ts'
import { kongYml } from './kong-yml.ts'

export interface ProvisioningOptions {
  readonly dryRun?: boolean
  readonly json?: boolean
}

export interface Surroundings {
  readonly options: ProvisioningOptions
  readonly log: Log
  readonly print: (text: string) => void
}

/**
 * Shows a plan or carries it out, and shows a generated key, once.
 * @throws Failure with exit code 1 where not everything was done; it has been said what was
 */
export async function carryOut(
  plan: Plan,
  means: Omit<Means, 'secret'> & { readonly secret?: KeySecret },
  { options, log, print }: Surroundings,
): Promise<void> {
  const { changes, kept, notes } = plan
  const say = (text: string) => {
    if (!options.json) print(oneLine(text))
  }
  if (!options.json) for (const note of notes) log.warn(oneLine(note))
  for (const one of kept) say(`= ${one}`)
  if (changes.length === 0) say('= nothing to do')
  if (options.dryRun) {
    for (const change of changes) say(lineOf(change))
    if (options.json) print(json({ dry_run: true, ...views(plan, undefined) }, 2))
    return
  }
  const text = means.secret?.text ?? ''
  const applied = await apply(changes, { ...means, secret: text }, (change) => say(lineOf(change)))
  const left = changes.filter((_, i) => applied.states[i] === 'not done')
  const lines = applied.dbless ? kongYml(left, text) : undefined
  const key = means.secret?.generated && isOut(changes, applied) ? text : undefined
  if (options.json) {
    const own = { ...(lines === undefined ? {} : { kong_yml: lines }), ...(key === undefined ? {} : { key }) }
    print(json({ dry_run: false, ...views(plan, applied), ...own }, 2))
  } else {
    if (lines !== undefined) print(lines)
    else if (key !== undefined) print(`The key, shown only this once:\n${key}`)
  }
  if (applied.error !== undefined && !applied.dbless) throw failure(changes, applied, key !== undefined, log)
}

/** Whether Kong holds the key, or may hold it, or is to hold it by the lines of a kong.yml: then it has to be shown. */
function isOut(changes: readonly Change[], { states, dbless }: Applied): boolean {
  const at = changes.findIndex(({ act }) => act.kind === 'create credential')
  return states[at] === 'done' || states[at] === 'unknown' || (states[at] === 'not done' && dbless)
}

function failure(changes: readonly Change[], { states, error }: Applied, shown: boolean, log: Log): Failure {
  for (const [i, change] of changes.entries()) {
    const state = states[i]
    if (state !== 'done' && state !== undefined) log.warn(`${LEFT[state]}: ${oneLine(lineOf(change))}`)
  }
  const doubtful = states.some(
    (state, i) => state === 'unknown' && changes[i]?.act.kind === 'create credential',
  )
  const key =
    doubtful && shown
      ? '; the key above is good if that finds its credential, and void if it shows another'
      : ''
  const made = `${states.filter((state) => state === 'done').length} of ${changes.length} changes are made`
  // What Kong refuses now it refuses again.
  const again = states.includes('failed') ? '' : '; the same command again goes on from there'
  return new Failure(`${error?.message}; ${made}${again}${key}`, 1, { cause: error })
}

const LEFT: Readonly<Record<Exclude<State, 'done'>, string>> = {
  failed: 'failed',
  unknown: 'perhaps done, no answer says so',
  'not done': 'not done',
}

function views({ changes, kept, notes }: Plan, applied: Applied | undefined) {
  const shown = changes.map(({ action, what, fields, remark }, i) => ({
    action,
    what,
    fields,
    ...(remark === undefined ? {} : { remark }),
    state: (applied?.states[i] ?? 'planned').replace(' ', '_'),
  }))
  const error = applied?.dbless === false ? applied.error?.message : undefined
  return { changes: shown, kept, notes, ...(error === undefined ? {} : { error }) }
}
