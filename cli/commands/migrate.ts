import { type Command, Option } from 'commander'
import { dryRun } from '../../migrations/dry-run.ts'
import { type Migrated, migrate } from '../../migrations/migrate.ts'
import { type SchemaStatus, schemaStatus } from '../../migrations/status.ts'
import { PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { rfc3339 } from '../../schema/alert.ts'
import type { CommandContext } from '../context.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { count, throttled } from '../output/migration-progress.ts'
import { table } from '../output/table.ts'

interface MigrateOptions extends ConnectionOptions {
  readonly status?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `vk migrate`: brings the schema in Redis to the one that this version writes. */
export function addMigrate(program: Command, context: CommandContext): void {
  withConnection(program.command('migrate'))
    .description(
      'brings Redis to the schema of this version; it is safe to repeat, to interrupt and to run twice at once',
    )
    .option('--status', 'only says which steps are applied, and since when')
    .addOption(
      new Option(
        '--dry-run',
        'only says which steps would run, and how many records they would change',
      ).conflicts('status'),
    )
    .option('--json', 'prints one JSON object or array')
    .action((options: MigrateOptions) =>
      connected(options, context, async (redis) => {
        const out = (value: unknown, text: string) =>
          context.print(options.json ? JSON.stringify(value, null, 2) : text)
        if (options.status) {
          const view = statusView(await schemaStatus(redis))
          return out(view, statusTable(view))
        }
        if (options.dryRun) {
          const plan = await dryRun(redis)
          const lines = plan.map(({ step, records }) => `${step} would run and change ${count(records)}`)
          return out(plan, lines.join('\n') || UP_TO_DATE)
        }
        const progress = throttled(
          (line) => context.log.info(line),
          () => performance.now(),
        )
        const done = reportOf(await migrate(redis, { clock: Date.now, progress }))
        const lines = done.map(({ step, records }) => `${step} applied, ${count(records)} changed`)
        out(done, lines.join('\n') || UP_TO_DATE)
      }),
    )
}

const UP_TO_DATE = 'nothing to do: every step is applied'

function reportOf({ applied, changed }: Migrated): Array<{ step: string; records: number }> {
  return applied.map((step) => ({ step, records: changed[step] ?? 0 }))
}

function statusView({ version, newest, steps }: SchemaStatus) {
  return {
    version,
    newest,
    steps: steps.map(({ name, partitions, appliedAt }) => ({
      step: name,
      applied: partitions === PARTITIONS,
      partitions,
      ...(appliedAt === undefined ? {} : { applied_at: rfc3339(appliedAt) }),
    })),
  }
}

function statusTable({ steps }: ReturnType<typeof statusView>): string {
  return table(
    ['STEP', 'APPLIED', 'WHEN'],
    steps.map(({ step, applied, partitions, applied_at }) => [
      step,
      applied ? 'yes' : partitions === 0 ? 'no' : `in ${partitions} of ${PARTITIONS} partitions`,
      applied_at ?? '',
    ]),
  )
}
