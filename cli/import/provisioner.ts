import { Failure } from '../failure.ts'
import { unusableSecret } from '../options/key-secret.ts'
import { type AdminApi, AdminError } from '../provisioning/admin-api.ts'
import { noSegment } from '../provisioning/admin-path.ts'
import { apply } from '../provisioning/apply.ts'
import { applying } from '../provisioning/applying.ts'
import { consumerPlan } from '../provisioning/create-plan.ts'
import { credentialPlan } from '../provisioning/credential-plan.ts'
import { type ConsumerState, readConsumer, readGateway, tagged } from '../provisioning/kong-state.ts'
import type { Plan } from '../provisioning/plan.ts'
import { joined } from '../provisioning/plan.ts'
import { type RateCounter, rateCounter, rateLimitPlan } from '../provisioning/rate-limit-plan.ts'
import type { Entry } from './entry.ts'
import type { BadRow } from './row.ts'

export interface ProvisioningOfImport {
  readonly dryRun: boolean
  /** Where the file has no secret, the id itself is what clients send. */
  readonly keyFromId: boolean
}

/** Makes the keys of a file in Kong: consumer, rate limit and, where the secret is known, credential. */
export class Provisioner {
  /** Keys with anything changed in Kong, credentials made, and keys that have none now. */
  readonly tally = { provisioned: 0, credentials: 0, without_credential: 0 }
  /** What the operator should know, each once. */
  readonly notes = new Set<string>()
  readonly #api: AdminApi
  readonly #options: ProvisioningOfImport

  #counter: Promise<RateCounter> | undefined

  constructor(api: AdminApi, options: ProvisioningOfImport) {
    this.#api = api
    this.#options = options
  }

  /**
   * A second run finds it done and changes nothing; a key that was rotated since keeps its new credential.
   * @returns what Kong or the row has against it @throws Failure where no key can be provisioned
   */
  async provision(entry: Entry): Promise<BadRow | undefined> {
    const { id, line } = entry
    const secret = entry.secret ?? (this.#options.keyFromId ? id : undefined)
    const problem = problemOf(id, secret)
    if (problem) return { line, ...problem }
    try {
      const state = await readConsumer(this.#api, id)
      const plan = planOf(entry, secret, state, await this.#rateCounter(entry))
      for (const note of plan.notes) this.notes.add(note)
      if (!this.#options.dryRun) await this.#apply(plan, secret ?? '')
      this.#count(plan, state)
      return undefined
    } catch (error) {
      if (error instanceof AdminError) return { line, problem: `Kong: ${error.message}` }
      if (error instanceof Failure && error.exitCode === 1) return { line, problem: error.message }
      throw error
    }
  }

  /** Asked for once, by the first key that has a rate limit. */
  #rateCounter({ settings }: Entry): Promise<RateCounter> | undefined {
    if (settings.rate_limit === undefined) return undefined
    this.#counter ??= readGateway(this.#api).then((gateway) => rateCounter(applying(gateway, undefined)))
    return this.#counter
  }

  async #apply({ changes }: Plan, secret: string): Promise<void> {
    const { error, dbless } = await apply(changes, { api: this.#api, secret })
    if (dbless) {
      throw new Failure(
        'this Kong runs without a database, its consumers are in its kong.yml: import without --admin-url',
        2,
      )
    }
    if (error) throw error
  }

  #count({ changes }: Plan, { credentials }: ConsumerState): void {
    const made = changes.some(({ operation }) => operation.kind === 'create credential')
    if (changes.length > 0) this.tally.provisioned++
    if (made) this.tally.credentials++
    else if (credentials.length === 0) this.tally.without_credential++
  }
}

/** The credential comes last: a key that works has its limits. */
function planOf(
  { id, settings }: Entry,
  secret: string | undefined,
  state: ConsumerState,
  counter: RateCounter | undefined,
): Plan {
  const rotated = state.credentials.some((one) => tagged(one))
  return joined(
    consumerPlan(id, state),
    counter && rateLimitPlan(id, settings.rate_limit, state, counter),
    secret !== undefined &&
      !rotated &&
      credentialPlan({ id, secret: { text: secret, generated: false } }, state),
  )
}

/** Neither a path of the Admin API nor a header can carry everything. The secret is not shown. */
function problemOf(id: string, secret: string | undefined): Omit<BadRow, 'line'> | undefined {
  const noPath = noSegment(id)
  if (noPath !== undefined) return { field: 'id', problem: `Kong has no path for it: ${noPath}` }
  const unusable = secret === undefined ? undefined : unusableSecret(secret)
  return unusable === undefined ? undefined : { field: 'key', problem: unusable }
}
