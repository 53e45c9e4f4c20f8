import { Failure } from '../failure.ts'
import type { KeySecret } from '../options/key-secret.ts'
import { shownSeconds, shownTime } from '../output/text.ts'
import { type ConsumerState, type Credential, ROTATING, TAG, tagged } from './kong-state.ts'
import type { Change, Plan } from './plan.ts'

interface WantedCredential {
  readonly id: string
  /** Seconds. */
  readonly ttl?: number
  readonly secret: KeySecret
}

/**
 * Plans one credential for a new key. A credential that `vk` made stays, whatever its key is: the run that made it has shown that key.
 * @throws Failure if the operator gives another key than that of the existing credential
 */
export function credentialPlan(
  wanted: WantedCredential,
  { credentials }: Pick<ConsumerState, 'credentials'>,
): Plan {
  const { id, secret } = wanted
  const same = secret.generated ? undefined : credentials.find(({ key }) => key === secret.text)
  if (same !== undefined) return { changes: [], kept: [`${shown(id, same)}, with this key`], notes: [] }
  const made = credentials.find((one) => tagged(one))
  if (made === undefined) {
    const others = credentials.map((one) => `${shown(id, one)}, is not of vk and stays`)
    return { changes: [newCredential(wanted, [TAG])], kept: others, notes: [] }
  }
  if (!secret.generated)
    throw new Failure(`${shown(id, made)}, has another key: vk keys rotate --key-file replaces it`)
  const kept = `${shown(id, made)}: its key was shown then; if it is lost, vk keys rotate ${id} --overlap 0`
  const notes =
    wanted.ttl === undefined ? [] : ['--ttl is for a new credential: the one that is there keeps its own']
  return { changes: [], kept: [kept], notes }
}

/**
 * Plans a new credential, then an end for every other one. The new one carries a mark until that is done, so that the run after a failure
 * continues with it instead of making another.
 * @param overlap seconds for which the old ones still work; 0 deletes them at once
 */
export function rotationPlan(
  wanted: WantedCredential & { readonly overlap: number },
  { credentials }: Pick<ConsumerState, 'credentials'>,
): Plan {
  const { id, secret, overlap } = wanted
  const fresh = credentials.find((one) =>
    secret.generated ? tagged(one, ROTATING) : one.key === secret.text,
  )
  const old = credentials.filter((one) => one !== fresh)
  const ended = old.filter((one) => endsWithin(one, overlap))
  const ending = old.filter((one) => !ended.includes(one))
  const marked = ending.length > 0 ? [TAG, ROTATING] : [TAG]
  return {
    changes: [
      ...(fresh === undefined ? [newCredential(wanted, marked)] : []),
      ...ending.map((one) => retirement(id, one, overlap)),
      ...((fresh === undefined ? ending.length > 0 : tagged(fresh, ROTATING)) ? [finished(id, fresh)] : []),
    ],
    kept: [
      ...ended.map((one) => `${shown(id, one)}, ends in ${one.ttl} s`),
      ...(fresh === undefined
        ? []
        : [`${shown(id, fresh)}: the new one; its key was shown then; if it is lost, rotate once more`]),
    ],
    notes: [],
  }
}

/** Whether the old credential already ends within that time. */
function endsWithin({ ttl }: Credential, overlap: number): boolean {
  return overlap > 0 && typeof ttl === 'number' && ttl <= overlap
}

function newCredential({ id, ttl }: WantedCredential, tags: readonly string[]): Change {
  return {
    action: 'create',
    what: `credential of consumer ${id}`,
    fields: [],
    ...(ttl === undefined ? {} : { remark: `for ${shownSeconds(ttl)}` }),
    operation: { kind: 'create credential', consumer: id, tags, ...(ttl === undefined ? {} : { ttl }) },
  }
}

function retirement(consumer: string, one: Credential, overlap: number): Change {
  const { id } = one
  const what = shown(consumer, one)
  if (overlap === 0)
    return { action: 'delete', what, fields: [], operation: { kind: 'delete credential', consumer, id } }
  const operation = { kind: 'change credential', consumer, id, values: { ttl: overlap } } as const
  return { action: 'update', what, fields: [], remark: `ends in ${shownSeconds(overlap)}`, operation }
}

/** @param fresh undefined for the credential that this plan creates */
function finished(consumer: string, fresh: Credential | undefined): Change {
  const id = fresh === undefined ? {} : { id: fresh.id }
  return {
    action: 'update',
    what: `credential of consumer ${consumer}`,
    fields: [],
    remark: 'the new one; the rotation is complete',
    operation: { kind: 'change credential', consumer, ...id, values: { tags: [TAG] } },
  }
}

function shown(consumer: string, { id, created_at }: Credential): string {
  return `credential ${id.slice(0, 8)} of consumer ${consumer}, made ${shownTime(created_at * 1000)}`
}
