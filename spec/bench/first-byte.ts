import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { Scene } from '../support/scene.ts'

/**
 * `node dist/spec/bench/first-byte.js`: how long a client waits for the first byte and for the whole of a stream, in one run,
 * without the plugin, tapped and buffered. With GATEWAY=kong on a real Kong.
 */

/** A stream's pieces, and the pause after each. Unit: milliseconds. */
const PIECES = 10
const PAUSE = 30
const ROUNDS = 30

async function main(): Promise<void> {
  const scene = await Scene.start(() => ({}), {
    routes: () => ({
      plain: {},
      tapped: { config: { body: 'tapped' }, tap: true },
      buffered: { config: { body: 'buffered' } },
    }),
  })
  try {
    scene.upstream.answer = async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < PIECES; i++) {
        response.write('data: {"choices":[{"index":0,"delta":{"content":"token "}}],"usage":null}\n\n')
        await sleep(PAUSE)
      }
      response.end('data: {"choices":[],"usage":{"total_tokens":10}}\n\ndata: [DONE]\n\n')
    }
    const rows = new Map(['plain', 'tapped', 'buffered'].map((route) => [route, [] as Waited[]]))
    for (let round = -3; round < ROUNDS; round++) {
      for (const [route, waits] of rows) {
        const waited = await wait(`${scene.gateway.url}/${route}/v1/chat/completions`)
        if (round >= 0) waits.push(waited)
      }
    }
    process.stdout.write(`${process.env.GATEWAY === 'kong' ? 'Kong' : 'stand-in'}: ${ROUNDS} streams each\n`)
    process.stdout.write(
      '| route | first byte, p50 ms | first byte, p99 ms | whole stream, p50 ms |\n|---|---|---|---|\n',
    )
    for (const [route, waits] of rows) {
      const first = waits.map((waited) => waited.first)
      const whole = waits.map((waited) => waited.whole)
      const cells = [quantile(first, 0.5), quantile(first, 0.99), quantile(whole, 0.5)]
      process.stdout.write(`| ${route} | ${cells.map((ms) => ms.toFixed(1)).join(' | ')} |\n`)
    }
  } finally {
    await scene.stop()
  }
}

/** Unit: milliseconds. */
interface Waited {
  readonly first: number
  readonly whole: number
}

async function wait(url: string): Promise<Waited> {
  const started = performance.now()
  const { body } = await request(url, { method: 'POST', headers: { apikey: 'vk-0-secret' }, body: '{}' })
  let first: number | undefined
  for await (const _ of body) first ??= performance.now() - started
  return { first: first ?? Number.NaN, whole: performance.now() - started }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
})
