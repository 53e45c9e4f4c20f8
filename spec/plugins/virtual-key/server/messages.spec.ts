import { decode, encode } from '@msgpack/msgpack'
import { expect } from 'chai'
import fc from 'fast-check'
import { Messages } from '../../../../plugins/virtual-key/server/messages.ts'

describe('Messages', () => {
  const message = encode([
    0,
    7,
    'plugin.Step',
    [
      {
        EventId: 70_000,
        Data: {
          text: 'é'.repeat(300),
          long: 'x'.repeat(70_000),
          bytes: new Uint8Array(300),
          many: new Array(20).fill(-40_000),
          numbers: [1, -1, 200, 60_000, 5e9, 1.5, -3e9, -200, null, true, false],
          wide: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i])),
          time: new Date(0),
        },
      },
    ],
  ])

  it('finds whole messages, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 * message.length - 1 }), { maxLength: 8 }), (cuts) => {
        const stream = Buffer.concat([message, message, message])
        const messages = new Messages()
        const found: Uint8Array[] = []
        let start = 0
        for (const end of [...new Set(cuts)].sort((a, b) => a - b).concat(stream.length)) {
          found.push(...messages.push(stream.subarray(start, end)))
          start = end
        }
        return found.length === 3 && found.every((one) => Buffer.compare(one, message) === 0)
      }),
    )
  })

  it('finds messages that arrive byte by byte', () => {
    const messages = new Messages()
    const small = encode([0, 1, 'plugin.HandleEvent', [{ InstanceId: 3, EventName: 'access' }]])
    const found = [...small, ...small].flatMap((byte) => messages.push(Uint8Array.of(byte)))
    expect(found).to.have.length(2)
  })

  it('cuts whatever MessagePack can say', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 5 })), (values) => {
        const one = encode([0, 1, 'm', values])
        const found = new Messages().push(Buffer.concat([one, one]))
        return found.length === 2 && found.every((part) => part.length === one.length)
      }),
    )
  })

  it('puts a body of 20 MB together in linear time', function () {
    this.timeout(10_000)
    const large = encode([0, 1, 'plugin.Step', [{ Data: new Uint8Array(20_000_000), EventId: 1 }]])
    const messages = new Messages()
    const started = performance.now()
    let found = 0
    for (let at = 0; at < large.length; at += 4096)
      found += messages.push(large.subarray(at, at + 4096)).length
    expect(found).to.equal(1)
    // Copying all that has come with every piece would move 50 GB.
    expect(performance.now() - started).to.be.below(5000)
  })

  it('takes a body beyond 64 MiB for none, holds nothing of it, and goes on after it', function () {
    this.timeout(30_000)
    const longest = 64 * 1024 * 1024
    const small = { EventId: 1, Data: 'x' }
    for (const parts of [
      { EventId: 7, Data: new Uint8Array(longest + 1) },
      { Data: 'x'.repeat(longest + 1), EventId: 7 },
    ]) {
      const stream = Buffer.concat([small, parts, small].map((part) => encode([0, 1, 'plugin.Step', [part]])))
      for (const size of [65_536, stream.length, 4 * 1024 * 1024 + 13]) {
        const messages = new Messages()
        const found: unknown[] = []
        const before = process.memoryUsage().arrayBuffers
        let most = 0
        for (let at = 0; at < stream.length; at += size) {
          for (const message of messages.push(stream.subarray(at, at + size))) found.push(decode(message))
          most = Math.max(most, process.memoryUsage().arrayBuffers - before)
        }
        expect(found).to.deep.equal(
          [small, { EventId: 7, Data: null }, small].map((part) => [0, 1, 'plugin.Step', [part]]),
        )
        expect(most, 'bytes').to.be.below(2 * 1024 * 1024 + size)
      }
    }
    const whole = encode([0, 1, 'plugin.Step', [{ Data: new Uint8Array(longest), EventId: 1 }]])
    expect(new Messages().push(whole)[0]?.length).to.equal(whole.length)
  })

  it('refuses what is no MessagePack', () => {
    expect(() => new Messages().push(Uint8Array.of(0x94, 0xc1, 0, 0, 0))).to.throw(RangeError)
  })
})
