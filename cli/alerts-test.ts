import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { outboxNames, partitionOf } from '../plugins/virtual-key/keys.ts'
import type { Connection } from '../plugins/virtual-key/ledger/script.ts'
import type { Log } from '../plugins/virtual-key/log.ts'
import { type Format, render } from '../plugins/virtual-key/outbox/format.ts'
import type { AlertRecord, Attempt } from '../plugins/virtual-key/outbox/record.ts'
import { requeue } from '../plugins/virtual-key/outbox/requeue.ts'
import { Sender } from '../plugins/virtual-key/outbox/send.ts'
import { signedHeaders } from '../plugins/virtual-key/outbox/sign.ts'
import { type Surveyed, surveyPartition } from '../plugins/virtual-key/outbox/survey.ts'
import { loggable } from '../plugins/virtual-key/outbox/target.ts'
import { rfc3339 } from '../schema/alert.ts'
import { type ConnectionOptions, connected, withConnection } from './connection.ts'
import { Failure } from './failure.ts'
import { secretsFrom, withSecretFile } from './secrets.ts'
import { hasCredentials } from './url-credentials.ts'

interface TestOptions extends ConnectionOptions {
  readonly url?: string
  readonly secretFile?: string
  readonly allowPrivateNetworks?: boolean
  readonly format: Format
  readonly wait: number
}

/**
 * `vk alerts test`: where does this key's alert go, and does it arrive? Secrets are not in Redis, so the test of a key that has had
 * an alert goes the way of that alert: into the outbox, for a running dispatcher that knows its secrets. With `--url` it is sent
 * from here.
 */
export function addAlertTest(alerts: Command, log: Log, print: (text: string) => void): void {
  withSecretFile(withConnection(alerts.command('test')), 'with --url: ')
    .description("sends a signed test event to a key's webhook: where its latest alert went, or --url")
    .argument('<key id>', 'the virtual key')
    .option('--url <url>', 'a webhook to test from here instead, without credentials')
    .option('--allow-private-networks', 'with --url: also send to private addresses')
    .addOption(new Option('--format <format>', 'with --url').choices(['json', 'slack']).default('json'))
    .option('--wait <seconds>', 'how long to wait for a dispatcher', seconds, 30)
    .action(async (keyId: string, options: TestOptions) => {
      const { url } = options
      if (url !== undefined) return report(url, await sendFromHere(keyId, { ...options, url }), print)
      await connected(options, log, async (redis) => {
        const model = await latestOf(redis, keyId)
        report(model.url, await sendFromOutbox(redis, keyId, model, options.wait * 1000), print)
      })
    })
}

/** The body of a test event, made now. */
export function testPayload(keyId: string): string {
  return JSON.stringify({ event: 'test', key_id: keyId, service: '', timestamp: rfc3339(Date.now()) })
}

/** No crossing has such an id. */
export function testId(): string {
  return `vk_test_${randomBytes(12).toString('hex')}`
}

async function sendFromHere(
  keyId: string,
  options: TestOptions & { readonly url: string },
): Promise<Attempt> {
  const { url, secretFile, format, allowPrivateNetworks = false } = options
  if (hasCredentials(url)) {
    throw new Failure('credentials do not belong among the arguments', 2)
  }
  const keys = secretsFrom(secretFile, process.env).get('test') ?? []
  const body = render(format, testPayload(keyId))
  const sender = new Sender(Date.now)
  try {
    const headers = signedHeaders(keys, testId(), Date.now(), body)
    return (await sender.send({ url, headers, body, timeout: 10_000, allowPrivateNetworks })).attempt
  } finally {
    await sender.close()
  }
}

async function latestOf(redis: Connection, keyId: string): Promise<AlertRecord> {
  const all = (await surveyPartition(redis, partitionOf(keyId))).filter(
    ({ record }) => record.keyId === keyId,
  )
  const latest = all.sort((a, b) => crossedAt(a) - crossedAt(b)).at(-1)
  if (latest === undefined) {
    throw new Failure(`no alert of key ${JSON.stringify(keyId)} is on record: name its webhook with --url`)
  }
  return latest.record
}

function crossedAt({ record: { payload } }: Surveyed): number {
  try {
    return Date.parse((JSON.parse(payload) as { timestamp: string }).timestamp) || 0
  } catch {
    return 0
  }
}

async function sendFromOutbox(
  redis: Connection,
  keyId: string,
  { attempts: _, earlier: __, ...model }: AlertRecord,
  patience: number,
): Promise<Attempt> {
  const partition = partitionOf(keyId)
  const { alerts, retry, dead } = outboxNames(partition)
  const id = testId()
  await requeue(redis, partition, id, { ...model, attempts: [], test: true, payload: testPayload(keyId) })
  const deadline = performance.now() + patience
  while (performance.now() < deadline) {
    await sleep(100)
    const found = (await surveyPartition(redis, partition)).find((one) => one.id === id)
    const attempt = found?.record.attempts.at(-1)
    if (found === undefined || attempt === undefined) continue
    // It has been seen: a test is no dead alert that somebody has to look after.
    if (found.state === 'dead' && found.entry !== undefined) await redis.xdel(dead, found.entry)
    return attempt
  }
  await redis.zrem(retry, id)
  await redis.hdel(alerts, id)
  throw new Failure(
    `no dispatcher that knows the secrets took the test within ${patience / 1000} s: is a plugin server that has served a request, or vk dispatch, running?`,
  )
}

function report(url: string, { status, duration, error }: Attempt, print: (text: string) => void): void {
  const answer = `${loggable(url)} answered ${status ?? 'nothing'} in ${duration} ms`
  if (status === undefined || status < 200 || status > 299) throw new Failure(`${answer}: ${error ?? ''}`)
  print(answer)
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('not a number of seconds')
  return value
}
