import type { Command } from 'commander'
import { keyName } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey, spentBy } from '../../plugins/virtual-key/registry/read.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { table } from '../output/table.ts'
import { json } from '../output/text.ts'
import { type UsageView, usageView } from '../output/usage-view.ts'

/** `vk usage`: what a key has spent and what remains. Keys that are not registered have totals too. */
export function addUsage(program: Command, context: CommandContext): void {
  withConnection(program.command('usage'))
    .description("a key's total in every open window, and what remains of its budget")
    .argument('<id>', 'the virtual key, registered or not')
    .option('--json', 'one JSON object')
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
  // A key whose windows have all ended has spent something once: its epoch is still there.
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
