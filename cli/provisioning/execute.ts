import type { Log } from '../../plugins/virtual-key/telemetry/log.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import type { KeySecret } from '../options/key-secret.ts'
import { json } from '../output/text.ts'
import { type Applied, apply, type Clients, type State } from './apply.ts'
import { kongYml } from './kong-yml.ts'
import { type Change, lineOf, oneLine, type Plan } from './plan.ts'

export interface ProvisioningOptions {
  readonly dryRun?: boolean
  readonly json?: boolean
}

/**
 * Shows a plan or executes it, and shows a generated key, once.
 * @throws Failure with exit code 1 if not everything was done; the output says what was
 */
export async function execute(
  plan: Plan,
  clients: Omit<Clients, 'secret'> & { readonly secret?: KeySecret },
  options: ProvisioningOptions,
  { log, print }: Pick<CommandContext, 'log' | 'print'>,
): Promise<void> {
  if (!options.json) for (const note of plan.notes) log.warn(oneLine(note))
  if (options.dryRun) {
    const view = { dry_run: true, ...views(plan, undefined) }
    return print(options.json ? json(view, 2) : linesFor(plan, plan.changes).join('\n'))
  }
  const { changes } = plan
  const text = clients.secret?.text ?? ''
  const applied = await apply(changes, { ...clients, secret: text })
  const inState = (state: State) => changes.filter((_, i) => applied.states[i] === state)
  const yml = applied.dbless ? kongYml(inState('not done'), text) : undefined
  const key = clients.secret?.generated && isOut(changes, applied) ? text : undefined
  if (options.json) {
    const own = { ...(yml === undefined ? {} : { kong_yml: yml }), ...(key === undefined ? {} : { key }) }
    print(json({ dry_run: false, ...views(plan, applied), ...own }, 2))
  } else {
    const lines = linesFor(plan, inState('done'))
    if (yml !== undefined) print([...lines.map((line) => `# ${line}`), yml].join('\n'))
    else {
      const shown = key === undefined ? [] : ['The key, shown only this once:', key]
      if (lines.length + shown.length > 0) print([...lines, ...shown].join('\n'))
    }
  }
  if (applied.error !== undefined && !applied.dbless) throw failure(changes, applied, key !== undefined, log)
}

/** The plan for people: what stays, and the changes. */
function linesFor({ kept, changes }: Plan, some: readonly Change[]): string[] {
  const lines = [...kept.map((one) => `= ${one}`), ...some.map(lineOf)]
  return [...lines, ...(changes.length === 0 ? ['= nothing to do'] : [])].map(oneLine)
}

/** Whether Kong has or may have the key, or will get it from the lines of a kong.yml: then it has to be shown. */
function isOut(changes: readonly Change[], { states, dbless }: Applied): boolean {
  const at = changes.findIndex(({ operation }) => operation.kind === 'create credential')
  return states[at] === 'done' || states[at] === 'unknown' || (states[at] === 'not done' && dbless)
}

function failure(changes: readonly Change[], { states, error }: Applied, shown: boolean, log: Log): Failure {
  for (const [i, change] of changes.entries()) {
    const state = states[i]
    if (state !== 'done' && state !== undefined) log.warn(`${LEFT[state]}: ${oneLine(lineOf(change))}`)
  }
  const doubtful = states.some(
    (state, i) => state === 'unknown' && changes[i]?.operation.kind === 'create credential',
  )
  const key =
    doubtful && shown
      ? '; the key above is good if that finds its credential, and void if it shows another'
      : ''
  const made = `${states.filter((state) => state === 'done').length} of ${changes.length} changes are made`
  // A change that Kong has refused would be refused again.
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
