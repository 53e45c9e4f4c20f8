import { type Settled, settle } from '../../plugins/virtual-key/metering/settle.ts'
import { newProcessId } from '../../plugins/virtual-key/metering/usage-settler.ts'
import { Dispatcher, type DispatcherOptions } from '../../plugins/virtual-key/outbox/dispatcher.ts'
import { Sender } from '../../plugins/virtual-key/outbox/send.ts'
import type { Target } from '../../plugins/virtual-key/policy/key-policy.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { lineLog } from '../../plugins/virtual-key/telemetry/log.ts'
import { Metrics } from '../../plugins/virtual-key/telemetry/metrics.ts'
import type { Connected } from './connection.ts'
import { usageRecord } from './usage-record.ts'

/** One process's dispatcher, with everything that belongs to it. */
export class DispatchingProcess {
  readonly consumer = newProcessId()
  readonly metrics = new Metrics()
  readonly lines: string[] = []
  readonly dispatcher: Dispatcher
  readonly connection: Connected
  readonly #sender = new Sender(Date.now)
  #sequence = 0

  constructor(connection: Connected, own: Partial<DispatcherOptions> = {}) {
    this.connection = connection
    this.dispatcher = new Dispatcher({
      redis: connection.link.redis,
      consumer: this.consumer,
      sender: this.#sender,
      signers: new Map(),
      metrics: this.metrics,
      log: lineLog((line) => this.lines.push(line)),
      clock: Date.now,
      random: Math.random,
      ...own,
    })
  }

  /** Settles one crossing. `deliver` false: like a process that dies right after it. */
  async cross(keyId: string, target: Target, deliver = true): Promise<Settled> {
    const id = { processId: this.consumer, sequence: this.#sequence++ }
    const settled = await settle(this.connection.link.redis, {
      id,
      ...usageRecord(keyId, 150, { target }),
      service: 'openai',
    })
    if (deliver && settled.state === 'settled') this.dispatcher.take(settled.claims)
    return settled
  }

  async stop(): Promise<void> {
    await this.dispatcher.stop(2000)
    await this.#sender.close()
    this.connection.link.redis.disconnect()
  }
}

/** Number of entries of all partitions. */
export async function everything(
  redis: Connection,
): Promise<{ outbox: number; alerts: number; retry: number; dead: number; delivered: number }> {
  const sum = { outbox: 0, alerts: 0, retry: 0, dead: 0, delivered: 0 }
  for (let partition = 0; partition < 16; partition++) {
    const name = (what: string) => `vk:{${partition}}:${what}`
    sum.outbox += await redis.xlen(name('outbox'))
    sum.alerts += await redis.hlen(name('alerts'))
    sum.retry += await redis.zcard(name('retry'))
    sum.dead += await redis.xlen(name('dead'))
    sum.delivered += await redis.xlen(name('delivered'))
  }
  return sum
}
