import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { AlertRecord, Attempt } from '../../plugins/virtual-key/outbox/alert-record.ts'
import { whatHolds } from '../../plugins/virtual-key/outbox/delivery-settings.ts'
import type { Format } from '../../plugins/virtual-key/outbox/format.ts'
import {
  discard,
  type ListedAlert,
  listPartition,
  requeue,
} from '../../plugins/virtual-key/outbox/operator-view.ts'
import type { SigningKey } from '../../plugins/virtual-key/outbox/sign.ts'
import { loggable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { partitionOf } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { config } from '../../schema/config.ts'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, connected, withConnection } from '../options/connection.ts'
import { OR_STDIN } from '../options/input-file.ts'
import { secretsFrom, withSecretFile } from '../options/secrets.ts'
import { webhookUrl } from '../options/webhook-url.ts'
import { sendTest, testId, testPayload } from '../test-event.ts'

const FORMATS = config.webhook.fields.format

interface TestOptions extends ConnectionOptions {
  readonly url?: string
  readonly configuration?: string
  readonly secretFile?: string
  readonly unsigned?: boolean
  readonly allowPrivateNetworks?: boolean
  readonly format: Format
  readonly wait: number
}

/** Where a test was sent, and its result. */
interface Result {
  readonly url: string
  readonly attempt: Attempt
  readonly unsigned?: boolean
}

/**
 * `vk alerts test`: finds out where the alerts of a key go, and whether they arrive. Secrets are not in Redis, so the test is put into
 * the outbox like an alert, and a running dispatcher that knows the secrets sends it. With `--url` this process sends it.
 */
export function addAlertTest(alerts: Command, context: CommandContext): void {
  withSecretFile(withConnection(alerts.command('test')), 'with --url: ')
    .description(
      'sends a signed test event to the webhook of a key, through a running dispatcher, or from here to --url',
    )
    .argument('<key id>', 'the key id')
    .option(
      '--configuration <plugin id>',
      "sends it like an alert of this plugin configuration, with its secrets; without it, like the key's latest alert",
    )
    .option('--url <url>', `tests this webhook from here instead; ${OR_STDIN}`)
    .option('--unsigned', 'with --url: sends it without a signature')
    .option('--allow-private-networks', 'with --url: allows private addresses')
    .addOption(
      new Option('--format <format>', 'with --url: format of the body')
        .choices(FORMATS.one_of)
        .default(FORMATS.default),
    )
    .option('--wait <seconds>', 'how long to wait until a dispatcher has sent it', seconds, 30)
    .action(async (keyId: string, options: TestOptions) => {
      if (options.url !== undefined) {
        const url = await webhookUrl('--url', options.url, context)
        return report(await sendFromHere(keyId, { ...options, url }, context), context)
      }
      await connected(options, context, async (redis) => {
        const { configuration } = options
        const model = await (configuration === undefined
          ? latestOf(redis, keyId)
          : modelOf(redis, keyId, configuration))
        report(await sendFromOutbox(redis, keyId, model, options.wait * 1000), context)
      })
    })
}

async function sendFromHere(
  keyId: string,
  options: TestOptions & { readonly url: string },
  context: CommandContext,
): Promise<Result> {
  const { url, format, allowPrivateNetworks = false } = options
  const keys = await keysFor(options, context)
  const target = { url, format, allowPrivateNetworks, timeout: 10_000 }
  const { attempt } = await sendTest(keyId, keys, target)
  return { url, attempt, unsigned: keys.length === 0 }
}

/** A receiver that verifies signatures refuses an unsigned test, so an unsigned one is sent only with --unsigned. */
async function keysFor(
  { secretFile, configuration, unsigned }: TestOptions,
  context: CommandContext,
): Promise<readonly SigningKey[]> {
  const secrets = await secretsFrom(secretFile, context)
  if (unsigned && secrets.some) throw new Failure('--unsigned, but signing secrets are named too', 2)
  const keys = configuration === undefined ? secrets.common : secrets.get(configuration)
  if (keys !== undefined) return keys
  if (unsigned) return []
  throw new Failure(
    secrets.some
      ? 'the signing secrets belong to single configurations: say which one by --configuration'
      : 'no signing secret is given: use --secret-file or VIRTUAL_KEY_SECRETS, or --unsigned to send without a signature',
    2,
  )
}

/** A test with the settings of a configuration that a plugin server has published in Redis. */
async function modelOf(redis: Connection, keyId: string, configuration: string): Promise<AlertRecord> {
  const { settings, keyWebhook } = await whatHolds(redis, configuration, keyId)
  if (settings === undefined) {
    throw new Failure(
      `no plugin server has published configuration ${JSON.stringify(configuration)} yet: one does so at the first request that uses it`,
    )
  }
  const { timeout, allowPrivateNetworks, format, registry, secrets } = settings
  const url = (registry ? keyWebhook : undefined) ?? settings.url
  if (url === undefined) {
    throw new Failure(`neither configuration ${JSON.stringify(configuration)} nor the key names a webhook`)
  }
  return {
    keyId,
    configuration,
    url,
    timeout,
    allowPrivateNetworks,
    format,
    ...(secrets === '' ? {} : { signed: true }),
    attempts: [],
    payload: testPayload(keyId),
  }
}

async function latestOf(redis: Connection, keyId: string): Promise<AlertRecord> {
  const all = (await listPartition(redis, partitionOf(keyId))).filter(({ record }) => record.keyId === keyId)
  const latest = all.sort((a, b) => crossedAt(a) - crossedAt(b)).at(-1)
  if (latest === undefined) {
    throw new Failure(
      `no alert of key ${JSON.stringify(keyId)} is on record: name its configuration by --configuration, or a webhook by --url`,
    )
  }
  return latest.record
}

function crossedAt({ record: { payload } }: ListedAlert): number {
  try {
    return Date.parse((JSON.parse(payload) as { timestamp: string }).timestamp) || 0
  } catch {
    return 0
  }
}

async function sendFromOutbox(
  redis: Connection,
  keyId: string,
  model: AlertRecord,
  longest: number,
): Promise<Result> {
  const partition = partitionOf(keyId)
  const id = testId()
  const { configuration, url, signed, timeout, allowPrivateNetworks, format } = model
  // Without what belongs to one alert alone, such as the webhook to which an operator has replayed it.
  const record: AlertRecord = {
    ...{ keyId, configuration, url, timeout, allowPrivateNetworks, format },
    ...(signed ? { signed } : {}),
    attempts: [],
    test: true,
    payload: testPayload(keyId),
  }
  await requeue(redis, partition, id, record, { state: 'none' })
  const deadline = performance.now() + longest
  let waitsFor = ''
  for (;;) {
    await sleep(100)
    const found = (await listPartition(redis, partition)).find((one) => one.id === id)
    const attempt = found?.record.attempts.at(-1)
    waitsFor = found?.record.parked?.reason ?? waitsFor
    if (found !== undefined && attempt !== undefined) {
      // The result is known now, so the test must not stay as a dead letter.
      if (found.state === 'dead') await discard(redis, partition, id, 'dead', found.entry)
      return { url: found.record.url, attempt }
    }
    if (performance.now() < deadline) continue
    // A test that a dispatcher has just claimed is no longer waiting, and the dispatcher finishes it.
    if (found?.state === 'waiting') await discard(redis, partition, id, 'waiting', found.record.parked?.entry)
    throw new Failure(
      `no dispatcher sent the test within ${longest / 1000} s: ${waitsFor || 'is a plugin server that has served a request, or vk dispatch, running?'}`,
    )
  }
}

function report(
  { url, attempt: { status, duration, error }, unsigned }: Result,
  context: CommandContext,
): void {
  const test = unsigned ? 'unsigned test: ' : ''
  const answer = `${test}${loggable(url)} answered ${status ?? 'nothing'} in ${duration} ms`
  if (status === undefined || status < 200 || status > 299) throw new Failure(`${answer}: ${error ?? ''}`)
  context.print(answer)
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('not a number of seconds')
  return value
}
