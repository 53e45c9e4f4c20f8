import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { type Command, Option } from 'commander'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { printable } from '../../plugins/virtual-key/telemetry/safe-text.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { writeEntry } from '../import/entry.ts'
import { Importer, type Tally } from '../import/importer.ts'
import { Provisioner } from '../import/provisioner.ts'
import { FILE_FORMATS, type FileFormat, rowsOf } from '../import/rows.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { OR_STDIN, type Stdin } from '../options/input-file.ts'
import { counted, json } from '../output/text.ts'
import { type AdminOptions, adminFrom, withAdmin } from '../provisioning/admin-options.ts'

interface ImportOptions extends ConnectionOptions, AdminOptions {
  readonly keyFromId?: boolean
  readonly format?: FileFormat
  readonly keepGoing?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

const FORMATS: ReadonlyMap<string, FileFormat> = new Map([
  ['.csv', 'csv'],
  ['.jsonl', 'jsonl'],
  ['.ndjson', 'jsonl'],
])

/** Keys written at once: to Redis alone, and to Redis and Kong, where each key needs some requests to the Admin API. */
const BATCH = 500
const BATCH_WITH_KONG = 8

/** Shortest pause between two lines about progress. Unit: milliseconds. */
const BETWEEN_PROGRESS = 1000

/** `vk keys import`: imports a table of keys. Repeating it writes only what differs. */
export function addKeysImport(keys: Command, context: CommandContext): void {
  withAdmin(withConnection(keys.command('import')))
    .description(
      'imports keys from a file: CSV with a header line, or one JSON object on each line. Repeating it writes only what differs',
    )
    .argument('<file>', `the file; ${OR_STDIN}`)
    .addOption(
      new Option(
        '--format <format>',
        'format of the file; without it, the file name decides, then the first character',
      ).choices(FILE_FORMATS),
    )
    .option(
      '--key-from-id',
      'with --admin-url: uses the key id as the secret key where the file has no column "key"',
    )
    .option('--keep-going', 'skips bad rows and imports the others')
    .option('--dry-run', 'only says what would be written')
    .option('--json', 'prints the counts as one JSON object')
    .action(async (file: string, options: ImportOptions) => {
      const chunks = await chunksOf(file, context)
      await connected(options, context, (redis) => importFile(redis, file, chunks, options, context))
    })
}

async function importFile(
  redis: Connection,
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  context: CommandContext,
): Promise<void> {
  const { dryRun = false, keepGoing = false, keyFromId = false } = options
  const api = adminFrom(options, context)
  if (keyFromId && api === undefined)
    throw new Failure('--key-from-id is about Kong: give --admin-url too', 2)
  const kong = api && new Provisioner(api, { dryRun, keyFromId })
  const name = file === '-' ? 'stdin' : file
  const tell = (parts: ReadonlyArray<string | number | undefined>) =>
    context.note(printable([name, ...parts].filter((part) => part !== undefined).join(':')))
  const now = Date.now()
  let told = performance.now()
  const importer = new Importer({
    rows: rowsOf(chunks, options.format ?? FORMATS.get(extname(file).toLowerCase())),
    keepGoing,
    batch: kong ? BATCH_WITH_KONG : BATCH,
    async write(entry) {
      const outcome = await writeEntry(redis, entry, { now, dryRun })
      return (await kong?.provision(entry)) ?? outcome
    },
    warn: ({ line, field, problem }) => tell([line, field && ` ${field}`, ` ${problem}`]),
    progress(tally) {
      if (performance.now() - told < BETWEEN_PROGRESS) return
      told = performance.now()
      tell([` ${rowsIn(tally)} rows`])
    },
  })
  try {
    await importer.run()
  } catch (error) {
    if (rowsIn(importer.tally) > 0)
      tell([
        ` stopped after ${counted(rowsIn(importer.tally), 'row')}; run it again, it writes only what differs`,
      ])
    throw error
  }
  for (const note of kong?.notes ?? []) tell([` ${note}`])
  const { tally } = importer
  const prefix = dryRun ? 'dry run: ' : ''
  const texts = [summary(tally), ...(kong ? [kongSummary(kong.tally)] : [])]
  context.print(
    options.json
      ? json({ ...tally, ...kong?.tally, dry_run: dryRun })
      : texts.map((text) => `${prefix}${text}`).join('\n'),
  )
  if (tally.bad > 0) throw new Failure(verdict(tally, keepGoing, dryRun))
}

async function chunksOf(file: string, { stdin }: Stdin): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return stdin
  try {
    const handle = await open(file)
    if (!(await handle.stat()).isDirectory()) return handle.createReadStream()
    await handle.close()
    throw new Error(`${file} is a directory`)
  } catch (cause) {
    throw new Failure((cause as Error).message, 2, { cause })
  }
}

function rowsIn({ created, updated, unchanged, bad }: Tally): number {
  return created + updated + unchanged + bad
}

function summary({ created, updated, unchanged, bad, duplicates }: Tally): string {
  const counts = `${created} created, ${updated} updated, ${unchanged} unchanged, ${bad} bad`
  return duplicates === 0 ? counts : `${counts}; ${counted(duplicates, 'id')} came more than once`
}

function kongSummary({
  provisioned,
  credentials,
  without_credential: without,
}: Provisioner['tally']): string {
  const counts = `Kong: ${counted(provisioned, 'key')} provisioned, ${counted(credentials, 'credential')} made`
  return without === 0
    ? counts
    : `${counts}; ${counted(without, 'key')} ${without === 1 ? 'has' : 'have'} none yet: vk keys rotate <id>`
}

function verdict(tally: Tally, keepGoing: boolean, dryRun: boolean): string {
  const good = rowsIn(tally) - tally.bad
  const done = `${good} ${dryRun ? 'would be' : good === 1 ? 'was' : 'were'} imported`
  return keepGoing
    ? `${counted(tally.bad, 'row')} ${tally.bad === 1 ? 'is' : 'are'} bad, ${done}`
    : `stopped at a bad row, ${done}; --keep-going skips bad rows`
}
