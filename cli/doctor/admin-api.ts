import { setTimeout as sleep } from 'node:timers/promises'
import { AdminError } from '../kong/admin-api.ts'
import type { AdminStatus } from './admin-status.ts'
import { check } from './check.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import type { Seat } from './seat.ts'

export interface AdminFacts extends AdminStatus {
  /** Kong's own answer to `GET /`; absent: it did not give one. */
  readonly node?: { readonly version?: string; readonly configuration?: { readonly database?: string } }
}

/** Asked at once, so that they take connections of their own, and with them several of Kong's workers. */
const TRIES = 4

/** undefined: no Admin API is named. */
async function probe(seat: Seat): Promise<AdminFacts | undefined> {
  const { admin } = seat.options
  if (admin === undefined) return undefined
  const status = await seat.adminStatus(admin)
  if (status.trouble !== undefined) return status
  // Kong 3.9.1 answers 500 in the worker that started the plugin server: it cannot write down its own configuration there.
  const tries = Array.from({ length: TRIES }, () =>
    admin.api.get<NonNullable<AdminFacts['node']>>('/').catch((error: unknown) => {
      if (error instanceof AdminError) return undefined
      throw error
    }),
  )
  const patience = sleep(seat.step, [], { ref: false })
  const node = (await Promise.race([Promise.all(tries), patience])).find((one) => one !== undefined)
  return { ...status, ...(node === undefined ? {} : { node }) }
}

export function judgeAdmin(facts: AdminFacts | undefined): Judged[] {
  if (facts === undefined) return [skipped('no --admin-url: Kong is not looked at')]
  if (facts.trouble !== undefined) {
    return [fail(facts.trouble, 'check --admin-url, KONG_ADMIN_TOKEN, and that Kong listens there')]
  }
  const version = facts.node?.version ?? facts.version
  const dbless = facts.node?.configuration?.database === 'off' || facts.dbless
  const where = dbless ? ', without a database: its configuration is its kong.yml' : ''
  if (version === undefined) return [warn(`it answers, but does not tell its version${where}`)]
  const [major = 0] = version.split('.').map(Number)
  if (major < 3) return [fail(`Kong ${version}${where}`, 'Kong 3.0 or newer is needed; 3.9.1 is tested')]
  return [ok(`Kong ${version}${where}`)]
}

/** Whether Kong can be asked, and which one it is. */
export const adminApi = check('admin-api', probe, judgeAdmin)
