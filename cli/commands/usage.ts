import type { Command } from 'commander'
import { type WindowKind, windowsAt } from '../../plugins/virtual-key/policy/window.ts'
import { keyName } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey, type Spent, spentBy } from '../../plugins/virtual-key/registry/keys.ts'
import type { KeySettings } from '../../schema/key.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { table } from '../output/table.ts'
import { json, shownTime } from '../output/text.ts'

/** `vk usage`: shows what a key has spent and what remains. Keys that are not registered have totals too. */
export function addUsage(program: Command, context: CommandContext): void {
  withConnection(program.command('usage'))
    .description("shows a key's total in every open window, and what remains of its budget")
    .argument('<id>', 'the key id, registered or not')
    .option('--json', 'prints one JSON object')
    .action((id: string, options: ConnectionOptions & { readonly json?: boolean }) =>
      connected(options, context, async (redis) => {
        const view = await usageOf(redis, id)
        context.print(options.json ? json(view, 2) : shown(view))
      }),
    )
}

async function usageOf(redis: Connection, id: string): Promise<UsageView> {
  const now = Date.now()
  const [record, spent] = await Promise.all([readKey(redis, id), spentBy(redis, id, now)])
  const view = usageView(id, record?.settings, spent, now)
  // A key whose windows have all ended still has its epoch in Redis.
  const known = view.registered || view.reserved > 0 || Object.keys(spent.totals).length > 0
  if (!known && (await redis.exists(keyName(id))) === 0) {
    throw new Failure(`key ${json(id)} is not registered and has spent nothing`)
  }
  return view
}

function shown({ windows, reserved, token_budget, registered }: UsageView): string {
  const rows = windows.map(({ window, tokens, remaining, ends }) => [
    window,
    String(tokens),
    remaining === undefined ? '' : String(token_budget),
    String(remaining ?? ''),
    ends ?? 'never',
  ])
  const totals = table(['WINDOW', 'TOKENS', 'BUDGET', 'REMAINING', 'ENDS'], rows)
  const note = registered ? '' : '\nnot registered: the configuration of its route decides'
  return `${totals}\n\nreserved by requests under way: ${reserved}${note}`
}

/** A key's totals as `--json` prints them. All counts are tokens. */
export interface UsageView {
  readonly id: string
  readonly registered: boolean
  readonly reserved: number
  /** Absent where the record has none, or 0 = unlimited; the configuration may have one. */
  readonly token_budget?: number
  /** Absent where the configuration decides. */
  readonly window?: WindowKind
  readonly windows: readonly WindowView[]
}

export interface WindowView {
  readonly window: WindowKind
  readonly tokens: number
  /** Tokens that may still be spent: in the window of the record, or in each window if the configuration chooses it. */
  readonly remaining?: number
  /** Absent: never. */
  readonly ends?: string
}

/** @param settings undefined = not registered @param now milliseconds since 1970 */
export function usageView(
  id: string,
  settings: KeySettings | undefined,
  { totals, reserved }: Spent,
  now: number,
): UsageView {
  const { token_budget = 0, window } = settings ?? {}
  const windows = windowsAt(now).map(({ kind, end }) => {
    const tokens = totals[kind] ?? 0
    const limited = token_budget > 0 && (window ?? kind) === kind
    return {
      window: kind,
      tokens,
      ...(limited ? { remaining: Math.max(0, token_budget - tokens - reserved) } : {}),
      ...(end === undefined ? {} : { ends: shownTime(end) }),
    }
  })
  return {
    id,
    registered: settings !== undefined,
    reserved,
    ...(token_budget > 0 ? { token_budget } : {}),
    ...(window === undefined ? {} : { window }),
    windows,
  }
}
