import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from '@msgpack/msgpack'
import { expect } from 'chai'
import sinon from 'sinon'
import type { PluginClass } from '../../../../plugins/virtual-key/server/plugin-info.ts'
import { PluginServer } from '../../../../plugins/virtual-key/server/plugin-server.ts'
import { type Serving, serve } from '../../../../plugins/virtual-key/server/serve.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { SHARED } from '../../../support/root.ts'
import { until } from '../../../support/until.ts'
import { Wire } from '../../../support/wire.ts'

const QUIET = lineLog(() => undefined)
const RECORDINGS = join(SHARED, 'kong', 'rpc')

/** What a phase may do: return at once, ask Kong, exit, throw. */
class Sample {
  async access(kong: { response: { exit(status: number): Promise<void> } }): Promise<void> {
    return kong.response.exit(429)
  }
  async response(kong: { request: { getMethod(): Promise<string> } }): Promise<void> {
    await kong.request.getMethod()
  }
  async log(): Promise<void> {}
  async preread(): Promise<void> {
    throw new Error('thrown in a phase')
  }
}

const newServer = (log = QUIET) => new PluginServer('sample', async () => Sample, log)

describe('PluginServer', () => {
  let folder: string
  let socketPath: string
  let server: PluginServer
  let serving: Serving
  let wire: Wire
  const lines: string[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'virtual-key-spec-'))
    socketPath = join(folder, 'js.sock')
    const log = lineLog((line) => lines.push(line))
    server = newServer(log)
    serving = await serve(server, socketPath, log)
    wire = await Wire.open(socketPath)
    lines.length = 0
  })

  afterEach(async () => {
    wire.close()
    await serving.stop(1000, false)
    await rm(folder, { recursive: true })
  })

  const newInstance = async () =>
    ((await wire.call('plugin.StartInstance', { Name: 'sample', Config: '{}' })) as { Id: number }).Id

  it('keeps no event of a phase that has ended, whichever way', async () => {
    const instance = await newInstance()
    for (let i = 0; i < 100; i++) {
      for (const phase of ['access', 'response', 'log', 'preread'])
        await wire.phase(instance, phase, () => 'POST')
    }
    expect(server.running).to.equal(0)
  })

  it('forgets an event that Kong gave up, but none that may still go on', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
    try {
      const given = newServer()
      const { Id } = (await given.startInstance({ Name: 'sample', Config: '{}' })) as { Id: number }
      const waiting = () => given.handleEvent({ InstanceId: Id, EventName: 'response' })
      clock.tick(60_000)
      await waiting()
      clock.tick(60_000)
      expect(given.running).to.equal(1)
      await waiting()
      clock.tick(60_000)
      expect(given.running).to.equal(2)
      clock.tick(60_000)
      expect(given.running).to.equal(1)
      given.close()
    } finally {
      clock.restore()
    }
  })

  it('counts its ids from a seed of its own, so that a server started anew knows none of the old ones', async () => {
    const instance = await newInstance()
    const path = join(folder, 'other.sock')
    const other = await serve(newServer(), path, QUIET)
    const wireToOther = await Wire.open(path)
    const event = { InstanceId: instance, EventName: 'response' }
    const error = await wireToOther.call('plugin.HandleEvent', event).catch((thrown: Error) => thrown.message)
    expect(error).to.match(/^no plugin instance/)
    const { EventId } = (await wire.call('plugin.HandleEvent', event)) as { EventId: number }
    for (const id of [instance, EventId]) expect(id).to.be.within(0, 2 ** 31 - 1)
    const unknown = await wireToOther
      .call('plugin.Step', { EventId })
      .catch((thrown: Error) => thrown.message)
    expect(unknown).to.equal(`event id ${EventId} not found`)
    wireToOther.close()
    await other.stop(1000, false)
  })

  it('logs what a phase throws with its stack, and the phase ends', async () => {
    await wire.phase(await newInstance(), 'preread', () => undefined)
    expect(lines.join('')).to.match(/phase preread failed: Error: thrown in a phase \| at Sample\.preread /)
  })

  it('answers calls in their order, also those that a phase does not await one by one', async () => {
    const seen: unknown[] = []
    class Eager {
      async access(kong: { request: { getMethod(): Promise<string>; getPath(): Promise<string> } }) {
        seen.push(...(await Promise.all([kong.request.getMethod(), kong.request.getPath()])))
      }
    }
    const path = join(folder, 'eager.sock')
    const eager = await serve(new PluginServer('eager', async () => Eager, QUIET), path, QUIET)
    const kong = await Wire.open(path)
    const { Id } = (await kong.call('plugin.StartInstance', { Name: 'eager', Config: '{}' })) as {
      Id: number
    }
    const calls = await kong.phase(Id, 'access', (method) => method)
    expect(calls).to.deep.equal(['kong.request.get_method', 'kong.request.get_path'])
    expect(seen).to.deep.equal(calls)
    kong.close()
    await eager.stop(1000, false)
  })

  it("throws Kong's error of a call into the phase", async () => {
    const InstanceId = await newInstance()
    const asked = { InstanceId, EventName: 'response' }
    const { EventId } = (await wire.call('plugin.HandleEvent', asked)) as { EventId: number }
    const step = await wire.call('plugin.StepError', { EventId, Data: 'not in this phase' })
    expect(step).to.deep.equal({ EventId, Data: 'ret' })
    expect(lines.join('')).to.contain('not in this phase')
  })

  it('answers an unknown instance in the words that make Kong start over', async () => {
    const [, , error] = await wire.exchange([
      0,
      5,
      'plugin.HandleEvent',
      [{ InstanceId: 1, EventName: 'access' }],
    ])
    expect(error).to.match(/^no plugin instance/)
  })

  it('answers an unknown method with an error and goes on', async () => {
    const [, , error] = await wire.exchange([0, 5, 'plugin.Unheard', [{}]])
    expect(error).to.equal('method plugin.Unheard not implemented')
    await newInstance()
  })

  it('answers a map with a member __proto__, which a client can send as a header', async () => {
    const instance = await newInstance()
    const { EventId } = (await wire.call('plugin.HandleEvent', {
      InstanceId: instance,
      EventName: 'response',
    })) as {
      EventId: number
    }
    const step = Buffer.from(encode([0, 99, 'plugin.Step', [{ Data: { xxxxxxxxx: ['1'] }, EventId }]]))
    const reply = wire.raw(Buffer.from(step.toString('latin1').replace('xxxxxxxxx', '__proto__'), 'latin1'))
    expect((await reply)[3]).to.deep.include({ Data: 'ret' })
  })

  it('hangs up on bytes that are no message, and serves the others', async () => {
    const other = await Wire.open(socketPath)
    other.write(Uint8Array.of(0xc1, 0xff))
    await until('the hang-up', () => other.closed)
    await newInstance()
    expect(lines.join('')).to.contain('sent something that is no request')
  })

  it('survives a connection that is reset in the middle of a phase', async () => {
    const instance = await newInstance()
    const other = await Wire.open(socketPath)
    void other
      .call('plugin.HandleEvent', { InstanceId: instance, EventName: 'response' })
      .catch(() => undefined)
    other.close()
    await wire.phase(instance, 'response', () => 'POST')
  })

  it('stops when phases in flight have ended', async () => {
    const instance = await newInstance()
    const step = (await wire.call('plugin.HandleEvent', { InstanceId: instance, EventName: 'response' })) as {
      EventId: number
    }
    let stopped = false
    const stopping = serving.stop(10_000, false).then(() => {
      stopped = true
    })
    await wire.call('plugin.Step', { EventId: step.EventId, Data: 'POST' })
    await stopping
    expect(stopped).to.equal(true)
  })

  describe('answers Kong 3.9.1 as it was recorded, in VIRTUAL_KEY_SHARED or ../shared', () => {
    const files = list(RECORDINGS)
    if (files.length === 0) it(`skipped: there are no recordings in ${RECORDINGS}`)
    for (const file of files) {
      it(file, async () => {
        const probe = createRequire(import.meta.url)(join(RECORDINGS, 'probe.js')) as {
          Name: string
          Plugin: PluginClass
        }
        const path = join(folder, 'probe.sock')
        const probed = await serve(new PluginServer(probe.Name, async () => probe.Plugin, QUIET), path, QUIET)
        const kong = await Wire.open(path)
        try {
          const ids = new Ids()
          for (const [asked, expected] of exchanges(join(RECORDINGS, file))) {
            const instance = asked[3][0].InstanceId
            if (instance !== undefined && !ids.knows(instance)) {
              // Made by a request that was recorded in another file.
              const Config = JSON.stringify({ mode: file.includes('tapped') ? 'tapped' : 'response' })
              const started = await kong.call('plugin.StartInstance', { Name: 'probe', Config })
              ids.pair(instance, (started as { Id: number }).Id)
            }
            const reply = (await kong.exchange(ids.ours(asked))) as Answer
            expect(ids.recorded(reply, asked, expected)).to.deep.equal(expected)
          }
        } finally {
          kong.close()
          await probed.stop(1000, false)
        }
      })
    }
  })
})

type Asked = readonly [type: 0, id: number, method: string, args: readonly [Identified]]
type Answer = readonly [type: 1, id: number, error: string | null, result: Identified]

interface Identified {
  readonly InstanceId?: number
  readonly EventId?: number
  readonly Id?: number
  readonly StartTime?: number
}

/** The recorded ids count from 0, ours from a seed: each recorded one stands for the one this server gave at the same place. */
class Ids {
  readonly #instances = new Map<number, number>()
  readonly #events = new Map<number, number>()

  knows(instance: number): boolean {
    return this.#instances.has(instance)
  }

  pair(recorded: number, ours: number): void {
    this.#instances.set(recorded, ours)
  }

  ours(message: Asked): unknown {
    const [type, id, method, [argument]] = message
    const { InstanceId, EventId } = argument
    return [
      type,
      id,
      method,
      [
        {
          ...argument,
          ...(InstanceId === undefined ? {} : { InstanceId: this.#instances.get(InstanceId) }),
          ...(EventId === undefined ? {} : { EventId: this.#events.get(EventId) }),
        },
      ],
    ]
  }

  recorded(reply: Answer, asked: Asked, expected: Answer): unknown {
    const [type, id, error, result] = reply
    if (asked[2] === 'plugin.StartInstance') {
      this.pair(Number(expected[3].Id), Number(result.Id))
      return [type, id, error, { ...result, Id: expected[3].Id, StartTime: expected[3].StartTime }]
    }
    if (asked[2] === 'plugin.HandleEvent')
      this.#events.set(Number(expected[3].EventId), Number(result.EventId))
    expect(result.EventId).to.equal(this.#events.get(Number(expected[3].EventId)))
    return [type, id, error, { ...result, EventId: expected[3].EventId }]
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  } catch {
    return []
  }
}

/** Pairs of what Kong sent and what the server answered. */
function exchanges(file: string): Array<[Asked, Answer]> {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const messages = lines.map((line) => JSON.parse(line, revive) as { from: string; message: Asked | Answer })
  return messages
    .filter(({ from }) => from === 'kong')
    .map(({ message }) => {
      const answer = messages.find(({ from, message: reply }) => from === 'server' && reply[1] === message[1])
      return [message as Asked, answer?.message as Answer]
    })
}

function revive(_name: string, value: unknown): unknown {
  const base64 = (value as { $binary?: string } | null)?.$binary
  return typeof base64 === 'string' ? new Uint8Array(Buffer.from(base64, 'base64')) : value
}
