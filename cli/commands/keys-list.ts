import type { Command } from 'commander'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey, registeredKeys, type Spent, spentBy } from '../../plugins/virtual-key/registry/read.ts'
import type { RegisteredKey } from '../../plugins/virtual-key/registry/record.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { type KeyView, keyView, LIST_HEAD, listRow } from '../output/key-view.ts'
import { PagedTable, table } from '../output/table.ts'
import { json } from '../output/text.ts'

interface ShowOptions extends ConnectionOptions {
  readonly json?: boolean
}

/** Keys shown in one go. */
const PAGE = 500

/** `vk keys list` and `vk keys show`. */
export function addKeysList(keys: Command, context: CommandContext): void {
  withConnection(keys.command('list'))
    .description('every registered key with its state, its budget and what it has spent')
    .option('--json', 'one JSON array, a key on each line')
    .action((options: ShowOptions) =>
      connected(options, context, (redis) =>
        options.json ? listJson(redis, context) : listTable(redis, context),
      ),
    )

  withConnection(keys.command('show'))
    .description('all settings of one registered key')
    .argument('<id>', 'the virtual key')
    .option('--json', 'one JSON object')
    .action((id: string, options: ShowOptions) =>
      connected(options, context, async (redis) => {
        const found = await readKey(redis, id)
        if (found === undefined) throw unknownKey(id)
        const view = keyView(found, Date.now())
        const rows = Object.entries(view).map(([name, value]) => [name, String(value)])
        context.print(options.json ? json(view, 2) : table(['FIELD', 'VALUE'], rows))
      }),
    )
}

export function unknownKey(id: string): Failure {
  return new Failure(`no key ${json(id)} is registered`)
}

async function listTable(redis: Connection, context: CommandContext): Promise<void> {
  const text = new PagedTable(LIST_HEAD)
  let found = false
  for await (const page of pages(redis)) {
    context.print(text.page(page.map(([view, spent]) => listRow(view, spent))))
    found = true
  }
  if (!found) context.print('none')
}

async function listJson(redis: Connection, context: CommandContext): Promise<void> {
  let before = '['
  for await (const page of pages(redis)) {
    for (const [view, { totals, reserved }] of page) {
      context.print(`${before}${json({ ...view, spent: totals, reserved })}`)
      before = ','
    }
  }
  context.print(before === '[' ? '[]' : ']')
}

type Shown = readonly [KeyView, Spent]

async function* pages(redis: Connection): AsyncGenerator<Shown[]> {
  let page: RegisteredKey[] = []
  for await (const one of registeredKeys(redis)) {
    page.push(one)
    if (page.length < PAGE) continue
    yield await shown(redis, page)
    page = []
  }
  if (page.length > 0) yield await shown(redis, page)
}

async function shown(redis: Connection, page: readonly RegisteredKey[]): Promise<Shown[]> {
  const now = Date.now()
  return Promise.all(page.map(async (one) => [keyView(one, now), await spentBy(redis, one.id, now)] as const))
}
