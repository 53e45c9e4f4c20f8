import { setTimeout as sleep } from 'node:timers/promises'
import { loggable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { counted, several } from '../output/text.ts'
import { check } from './check.ts'
import { type DoctorContext, Unavailable } from './context.ts'
import { fail, type Judged, ok, skipped } from './finding.ts'
import { type Called, call } from './webhook-call.ts'
import {
  alertWebhooks,
  configuredWebhooks,
  distinct,
  registeredWebhooks,
  type Webhook,
} from './webhook-list.ts'

export interface WebhookFacts {
  readonly called: ReadonlyArray<
    Pick<Webhook, 'url' | 'allowPrivateNetworks' | 'of'> & { readonly call: Called }
  >
  /** All webhooks that were found, called or not. */
  readonly found: number
  /** Whether there are more keys, whose webhooks were not read. */
  readonly cut: boolean
  /** A source that may name more webhooks but could not be read. */
  readonly unasked?: 'Kong' | 'Redis'
}

/** Most webhooks that are called. */
const MOST = 50
/** Most registered keys whose webhook is read. */
const MOST_KEYS = 2000

async function probe(context: DoctorContext): Promise<WebhookFacts> {
  const { step, options } = context
  const inTime = <T>(work: Promise<T>) =>
    Promise.race([work.catch(() => undefined), sleep(step, undefined, { ref: false })])
  const [gateway, outbox, registered] = await Promise.all([
    inTime(context.gateway()),
    inTime(context.outbox()),
    inTime(registeredIn(context)),
  ])
  if (gateway === undefined && outbox === undefined) throw new Unavailable('neither Kong nor Redis tells any')
  const webhooks = distinct([
    ...configuredWebhooks(gateway?.configurations ?? []),
    ...(registered?.webhooks ?? []),
    ...alertWebhooks(outbox?.records ?? []),
  ])
  const called = await Promise.all(
    webhooks.slice(0, MOST).map(async ({ url, allowPrivateNetworks, of, ...how }) => ({
      url,
      allowPrivateNetworks,
      of,
      call: await call({ url, allowPrivateNetworks, of, ...how }, options.signers, step),
    })),
  )
  const redisAway = outbox === undefined || registered === undefined
  const unasked = gateway === undefined ? 'Kong' : redisAway ? 'Redis' : undefined
  return {
    called,
    found: webhooks.length,
    cut: registered?.cut === true,
    ...(unasked === undefined ? {} : { unasked }),
  }
}

async function registeredIn(context: DoctorContext) {
  const [redis, gateway] = await Promise.all([context.redis(), context.gateway().catch(() => undefined)])
  return registeredWebhooks(redis, gateway?.configurations, MOST_KEYS)
}

export function judgeWebhooks({ called, found, cut, unasked }: WebhookFacts): Judged[] {
  const judged = called.map(judgeOne)
  const uncalled = found - called.length
  if (uncalled > 0)
    judged.push(skipped(`${counted(uncalled, 'more webhook')} ${uncalled === 1 ? 'was' : 'were'} not called`))
  if (cut) judged.push(skipped(`only the first ${MOST_KEYS} registered keys were asked for their webhook`))
  if (judged.length > 0) return judged
  if (unasked !== undefined) return [skipped(`no webhook is found, but ${unasked} could not be asked`)]
  return [skipped('no webhook is named: crossings are only counted and logged')]
}

function judgeOne({ url, allowPrivateNetworks, of, call }: WebhookFacts['called'][number]): Judged {
  const who = several(of)
  const it = `${loggable(url)} (${who})`
  switch (call.how) {
    case 'vault':
      return skipped(`a vault reference (${who}): only Kong can tell where it leads`)
    case 'unsigned':
      return skipped(`${it}: no signing secret here`, 'name one by --secret-file or VIRTUAL_KEY_SECRETS')
    case 'head':
      return ok(`${it}: reachable, answers ${call.status} to HEAD`)
    case 'test':
      return call.status >= 200 && call.status < 300
        ? ok(`${it}: took a test, ${call.status}`)
        : fail(`${it}: answers ${call.status} to a test: ${call.error}`, 'a webhook has to answer 2xx')
    case 'failed':
      return fail(
        `${it}: ${call.error}`,
        'gateways may still reach it from where they are: look from there too',
      )
    case 'refused':
      return allowPrivateNetworks === undefined
        ? skipped(
            `${it}: ${call.error}; whether its configuration allows that is not known here`,
            'give --admin-url',
          )
        : fail(`${it}: refused: ${call.error}`, 'use a public address, or set webhook.allow_private_networks')
  }
}

/** Whether the webhooks can be reached. */
export const webhooks = check('webhooks', probe, judgeWebhooks)
