import { newestVersion, releaseState } from '../../schema/kong/releases.ts'
import { check } from './check.ts'
import type { AdminStatus, DoctorContext, KongNode } from './context.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'

export interface AdminFacts extends AdminStatus {
  /** Kong's answer to `GET /`; absent if it was not requested. */
  readonly node?: KongNode
}

/** undefined if no Admin API is named. */
async function probe(context: DoctorContext): Promise<AdminFacts | undefined> {
  const { admin } = context.options
  if (admin === undefined) return undefined
  const status = await context.adminStatus(admin)
  return status.trouble === undefined ? { ...status, node: await context.node() } : status
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
  const found = `Kong ${version}${where}`
  switch (releaseState(version)) {
    case 'unusable':
      return [fail(found, `Kong 3.0 or newer is needed; ${newestVersion()} is tested`)]
    case 'old':
      return [warn(`${found}: its line is not maintained any more`, `go to Kong ${newestVersion()}`)]
    case 'holes':
      return [
        warn(
          `${found}: it lacks security patches that ${newestVersion()} has`,
          `go to Kong ${newestVersion()}`,
        ),
      ]
    case 'unknown':
      return [ok(found, `newer than ${newestVersion()}, the newest that this version was tried on`)]
    case 'current':
      return [ok(found)]
  }
}

/** Whether Kong can be reached, and which version it is. */
export const adminApi = check('admin-api', probe, judgeAdmin)
