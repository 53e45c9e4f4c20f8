import type { RegisteredKey } from '../../plugins/virtual-key/registry/key-record.ts'
import { type ConsumerState, tagged } from './kong-state.ts'
import { joined, type Plan } from './plan.ts'

/**
 * Deletes everything that `vk` made for a key; credentials go first, because they let requests through. A consumer that `vk` did not make
 * stays, with everything else that is not from `vk`.
 */
export function deletePlan(
  id: string,
  record: RegisteredKey | undefined,
  kong: ConsumerState | undefined,
): Plan {
  return joined(kong && kongPlan(id, kong), record && recordPlan(id))
}

function recordPlan(id: string): Plan {
  const operation = { kind: 'remove record', id } as const
  const remark = 'with its totals of the open windows'
  return {
    changes: [{ action: 'delete', what: `registry record ${id}`, fields: [], remark, operation }],
    kept: [],
    notes: [],
  }
}

function kongPlan(id: string, { consumer, credentials, plugins }: ConsumerState): Plan {
  if (consumer === undefined) return { changes: [], kept: [], notes: [] }
  const ours = tagged(consumer)
  const mine = <T extends { readonly tags: readonly string[] | null }>(all: readonly T[]) =>
    all.filter((one) => ours || tagged(one))
  const removed = mine(credentials)
  const changes: Plan['changes'] = [
    ...removed.map((one) => ({
      action: 'delete' as const,
      what: `credential ${one.id.slice(0, 8)} of consumer ${id}`,
      fields: [],
      operation: { kind: 'delete credential' as const, consumer: id, id: one.id },
    })),
    ...mine(plugins).map(({ id: plugin, name }) => ({
      action: 'delete' as const,
      what: `plugin ${name} of consumer ${id}`,
      fields: [],
      operation: {
        kind: 'delete plugin' as const,
        scope: { kind: 'consumer', name: id } as const,
        name,
        id: plugin,
      },
    })),
  ]
  if (!ours) {
    const left = credentials.length - removed.length
    const note = `consumer ${id} was not made by vk: it stays${left > 0 ? `, and so do ${left} of its credentials` : ''}`
    return { changes, kept: [`consumer ${id}`], notes: [note] }
  }
  const operation = { kind: 'delete consumer', name: id, id: consumer.id } as const
  return {
    changes: [...changes, { action: 'delete', what: `consumer ${id}`, fields: [], operation }],
    kept: [],
    notes: [],
  }
}
