import { expect } from 'chai'
import { Agent } from 'undici'
import { totalName } from '../../plugins/virtual-key/redis/names.ts'
import { chat } from '../support/client.ts'
import type { RunningGateway } from '../support/gateway.ts'
import { isAlive } from '../support/plugin-server-pids.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

const TOKENS = 10
const BUDGET = 1_000_000

/**
 * Requests of two keys, without a pause: one that may spend, and one whose budget is used up. Each has a connection of its own, because a
 * worker that goes closes those that are kept.
 */
class Load {
  readonly #agent = new Agent({ pipelining: 0 })
  readonly #gateway: RunningGateway
  readonly #spender: string
  readonly #refused: string
  readonly #clients: ReadonlyArray<Promise<void>>
  #going = true
  /** Statuses of the spender's answers, and of the other's, with how often each came. */
  readonly spent = new Map<number, number>()
  readonly denied = new Map<number, number>()

  constructor(gateway: RunningGateway, spender: string, refused: string, clients = 4) {
    this.#gateway = gateway
    this.#spender = spender
    this.#refused = refused
    this.#clients = Array.from({ length: clients }, () => this.#client())
  }

  /** Answers so far. */
  get answers(): number {
    return [...this.spent.values(), ...this.denied.values()].reduce((sum, one) => sum + one, 0)
  }

  /** Waits until so many more answers have come. */
  async more(answers: number): Promise<void> {
    const enough = this.answers + answers
    await until('answers', () => this.answers >= enough, 60_000)
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#clients)
    await this.#agent.close()
  }

  async #client(): Promise<void> {
    while (this.#going) {
      await this.#ask(this.#spender, this.spent)
      await this.#ask(this.#refused, this.denied)
    }
  }

  /** 0 stands for a request that got no answer. */
  async #ask(key: string, statuses: Map<number, number>): Promise<void> {
    const status = await chat(this.#gateway, key, { agent: this.#agent }).then(
      (answer) => answer.status,
      () => 0,
    )
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
}

describe('In operation', function () {
  this.timeout(300_000)

  let scene: Scene
  /** The gateway was ended by its test. */
  let ended: boolean

  beforeEach(async () => {
    ended = false
    scene = await Scene.start(() => ({ require_key: true, token_budget: BUDGET }))
  })

  afterEach(async () => {
    if (ended) scene.gateways.length = 0
    await scene?.stop()
  })

  /** A key that spends, and one that has spent its budget. */
  const keys = async (): Promise<[spender: string, refused: string]> => {
    const refused = scene.newKey()
    await scene.client.set(totalName(refused, 'total'), BUDGET)
    return [scene.newKey(), refused]
  }

  it('three reloads under load: every request is answered, admitted and counted', async () => {
    const [spender, refused] = await keys()
    await ready(refused)
    for (let reload = 1; reload <= 3; reload++) {
      const before = await scene.total(spender)
      const load = new Load(scene.gateway, spender, refused)
      await load.more(100)
      const pid = await scene.gateway.pluginServerPid()
      await scene.gateway.reload()
      await until('the end of the old plugin server', () => !isAlive(pid), 60_000)
      await load.more(400)
      await load.stop()
      const counted = ((await scene.total(spender)) - before) / TOKENS
      tell(`reload ${reload}: sent ${show(load.spent)}, counted ${counted}; over budget ${show(load.denied)}`)
      expect([...load.spent]).to.deep.equal([[200, counted]])
      expect([...load.denied.keys()]).to.deep.equal([429])
    }
  })

  it('kong quit: requests that the upstream still answers are answered and counted', async () => {
    const [spender, refused] = await keys()
    await ready(refused)
    const waiting: Array<() => void> = []
    scene.upstream.answer = (response) =>
      waiting.push(() => scene.upstream.complete(response, scene.upstream.tokens))
    const answers = Promise.all(Array.from({ length: 20 }, () => chat(scene.gateway, spender)))
    await until('requests at the upstream', () => waiting.length === 20)
    const quitting = scene.gateway.quit()
    ended = true
    for (const answer of waiting) answer()
    expect((await answers).map(({ status }) => status)).to.deep.equal(new Array(20).fill(200))
    await quitting
    const counted = (await scene.total(spender)) / TOKENS
    tell(`quit: 20 under way, counted ${counted}`)
    expect(counted).to.equal(20)
  })

  it('a killed worker: its successor counts from its first answer on', async function () {
    const { killWorker } = scene.gateway
    if (killWorker === undefined) return this.skip()
    const [spender, refused] = await keys()
    await ready(refused)
    const load = new Load(scene.gateway, spender, refused)
    await load.more(100)
    const old = await scene.gateway.pluginServerPid()
    await killWorker()
    await load.stop()
    await counting(spender, refused)
    await until('the end of the old plugin server', () => !isAlive(old), 120_000)
    await counting(spender, refused)
  })

  it('a killed plugin server: requests pass unseen or get 500 until Kong has another, and then all count', async () => {
    const [spender, refused] = await keys()
    await ready(refused)
    const load = new Load(scene.gateway, spender, refused)
    await load.more(100)
    const pid = await scene.gateway.pluginServerPid()
    process.kill(pid, 'SIGKILL')
    await until('the next plugin server', async () => (await scene.gateway.pluginServerPid()) !== pid)
    await load.stop()
    // What was under way is Kong's to decide, and it lets it pass: what is promised begins here.
    await counting(spender, refused)
  })

  /** The first request makes the instance; until then Kong answers 500. */
  const ready = (refused: string) =>
    until('the plugin', async () => (await chat(scene.gateway, refused)).status === 429)

  /** Every request is admitted and counted. */
  const counting = async (spender: string, refused: string) => {
    await ready(refused)
    const before = await scene.total(spender)
    const load = new Load(scene.gateway, spender, refused)
    await load.more(200)
    await load.stop()
    const counted = ((await scene.total(spender)) - before) / TOKENS
    tell(`sent ${show(load.spent)}, counted ${counted}; over budget ${show(load.denied)}`)
    expect([...load.spent]).to.deep.equal([[200, counted]])
    expect([...load.denied.keys()]).to.deep.equal([429])
  }
})

function show(statuses: ReadonlyMap<number, number>): string {
  return [...statuses].map(([status, times]) => `${times} × ${status}`).join(', ')
}

function tell(line: string): void {
  process.stdout.write(`      ${line}\n`)
}
