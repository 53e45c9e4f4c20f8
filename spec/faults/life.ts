import { newInstance } from '../support/exchange.ts'
import { PluginProcess } from '../support/plugin-process.ts'
import { completion } from '../support/upstream.ts'
import type { Wire } from '../support/wire.ts'
import type { Account } from './bookkeeping.ts'

interface Request {
  readonly account: Account
  readonly tokens: number
}

/** One life of a plugin server process, from its start to its SIGKILL, and what it has been asked. */
export class Life {
  readonly #process: PluginProcess
  readonly #redisPort: number
  readonly #config: Record<string, unknown>
  readonly #sent = new Set<Request>()
  readonly #answered = new Set<Request>()
  #over = false

  private constructor(process: PluginProcess, redisPort: number, config: Record<string, unknown>) {
    this.#process = process
    this.#redisPort = redisPort
    this.#config = config
  }

  static async start(redisPort: number, config: Record<string, unknown>, schedule: string): Promise<Life> {
    const process = await PluginProcess.start({ VIRTUAL_KEY_RETRY_SCHEDULE: schedule })
    const life = new Life(process, redisPort, config)
    // It listens before it has loaded the plugin: one that is killed before would have counted nothing.
    await life.connect()
    return life
  }

  get over(): boolean {
    return this.#over
  }

  /** A connection of Kong's, with an instance that serves and one that only tells whether anything waits for Redis. */
  async connect(): Promise<Caller> {
    const wire = await this.#process.connect()
    const instance = await newInstance(wire, this.#redisPort, this.#config)
    const probe = await newInstance(wire, this.#redisPort, { ...this.#config, fault_tolerant: false })
    return {
      spend: (account, tokens) => this.#spend(wire, instance, probe, { account, tokens }),
      confirm: () => this.#confirm(wire, probe),
    }
  }

  async kill(): Promise<void> {
    this.#over = true
    await this.#process.stop('SIGKILL')
    // Nobody can tell any more what became of these.
    for (const { account, tokens } of this.#sent) account.unknown += tokens
    this.#sent.clear()
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }

  /**
   * A request is confirmed when its response phase has returned and the process then says that nothing waits for Redis. Without the
   * second it may be in the process's memory only, and would be lost with it.
   */
  async #spend(wire: Wire, instance: number, probe: number, request: Request): Promise<void> {
    if (this.#over) throw new Error('this life is over')
    this.#sent.add(request)
    const pdk = kongOf(request)
    await wire.phase(instance, 'access', pdk)
    await wire.phase(instance, 'response', pdk)
    this.#answered.add(request)
    await this.#confirm(wire, probe)
  }

  async #confirm(wire: Wire, probe: number): Promise<boolean> {
    const before = [...this.#answered]
    const calls = await wire.phase(probe, 'access', () => ({}))
    if (this.#over || calls.includes('kong.response.exit')) return false
    for (const one of before) {
      this.#answered.delete(one)
      if (this.#sent.delete(one)) one.account.certain += one.tokens
    }
    return true
  }
}

export interface Caller {
  /** One request of a key. @throws Error when the process is gone */
  spend(account: Account, tokens: number): Promise<void>
  /** Confirms what was answered. false: something waits for Redis. */
  confirm(): Promise<boolean>
}

function kongOf({ account, tokens }: Request): (method: string) => unknown {
  const body = new TextEncoder().encode(completion(tokens))
  return (method) => {
    switch (method) {
      case 'kong.request.get_headers':
        return { 'content-length': ['30'] }
      case 'kong.client.get_consumer':
        return { id: '1', username: account.keyId }
      case 'kong.service.response.get_raw_body':
        return body
      case 'kong.service.response.get_status':
        return 200
      case 'kong.router.get_service':
        return { id: '2', name: 'openai' }
      default:
        return undefined
    }
  }
}
