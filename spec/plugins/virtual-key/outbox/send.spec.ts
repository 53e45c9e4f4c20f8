import { createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { Sender } from '../../../../plugins/virtual-key/outbox/send.ts'
import { Receiver } from '../../../support/receiver.ts'

describe('Sender', () => {
  let sender: Sender
  let receiver: Receiver

  beforeEach(async () => {
    sender = new Sender(Date.now)
    receiver = await Receiver.start()
  })

  afterEach(async () => {
    await sender.close()
    await receiver.stop()
  })

  const send = (url = receiver.url, own: { timeout?: number; allowPrivateNetworks?: boolean } = {}) =>
    sender.send({
      url,
      headers: { 'webhook-id': 'vk_1' },
      body: '{"a":1}',
      timeout: 300,
      allowPrivateNetworks: true,
      ...own,
    })

  it('posts the body with its headers', async () => {
    const tried = await send()
    expect(tried.attempt).to.include({ status: 204 })
    expect(tried.attempt).not.to.have.property('error')
    const [received] = receiver.received
    expect(received?.body).to.equal('{"a":1}')
    expect(received?.headers).to.include({
      'content-type': 'application/json',
      'user-agent': 'virtual-key',
      'webhook-id': 'vk_1',
    })
  })

  it('does not follow a redirect', async () => {
    receiver.answer = (response) => response.writeHead(302, { location: receiver.url }).end()
    expect((await send()).attempt).to.include({ status: 302, error: 'redirects are not followed' })
    expect(receiver.received).to.have.length(1)
  })

  it('reads 4 KB of an endless body and keeps less, as one harmless line', async () => {
    let written = 0
    receiver.answer = (response) => {
      response.writeHead(500)
      const chunk = `a\u001b[31m\r\n\u202e${'x'.repeat(1000)}`
      const more = () => {
        while (!response.destroyed && written < 1e8) {
          written += chunk.length
          if (!response.write(chunk)) return response.once('drain', more)
        }
        return undefined
      }
      more()
    }
    const { attempt } = await send(undefined, { timeout: 5000 })
    expect(attempt.status).to.equal(500)
    expect(attempt.error).to.match(/^a \[31m xxx/)
    expect(attempt.error).to.have.length(500)
    expect(attempt.duration).to.be.below(2000)
    expect(written).to.be.below(1e8)
  })

  it('takes a 2xx whose body never ends for delivered, at once', async () => {
    receiver.answer = (response) => {
      response.writeHead(200).write('x')
    }
    const { attempt } = await send()
    expect(attempt).to.include({ status: 200 })
    expect(attempt.duration).to.be.below(250)
  })

  it('ends a failure whose body never ends with the time-out', async () => {
    receiver.answer = (response) => {
      response.writeHead(500).write('broken')
    }
    const { attempt } = await send()
    expect(attempt).to.include({ status: 500, error: 'broken' })
    expect(attempt.duration).to.be.within(200, 1500)
  })

  for (const status of [429, 503])
    it(`${status} brings its Retry-After`, async () => {
      receiver.answer = (response) => response.writeHead(status, { 'retry-after': '7' }).end()
      expect((await send()).retryAfter).to.equal(7000)
    })

  it('takes Retry-After from no other status', async () => {
    receiver.answer = (response) => response.writeHead(500, { 'retry-after': '7' }).end()
    expect(await send()).not.to.have.property('retryAfter')
  })

  describe('over raw sockets', () => {
    let server: Server
    let url: string
    let answer: (socket: Socket) => void
    const sockets = new Set<Socket>()

    beforeEach(async () => {
      server = createServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.once('data', () => answer(socket))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
    })

    afterEach(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    })

    const hostile: Record<string, (socket: Socket) => void> = {
      'never answers': () => undefined,
      'stops in the middle of the headers': (socket) => socket.write('HTTP/1.1 200 OK\r\nx-a: b'),
      'sends one header byte at a time': (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nx: ')
        const timer = setInterval(() => socket.write('y'), 20)
        socket.on('close', () => clearInterval(timer))
      },
    }
    for (const [what, how] of Object.entries(hostile))
      it(`gives up a receiver that ${what}`, async () => {
        answer = how
        const { attempt } = await send(url)
        expect(attempt.error).to.equal('no answer within 300 ms')
        expect(attempt).not.to.have.property('status')
        expect(attempt.duration).to.be.within(250, 2000)
      })

    const broken: Record<string, (socket: Socket) => void> = {
      'closes the connection': (socket) => socket.destroy(),
      'speaks no HTTP': (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
      'sends headers without end': (socket) =>
        socket.write(`HTTP/1.1 200 OK\r\n${`x-a: ${'b'.repeat(1000)}\r\n`.repeat(100)}`),
      'gives two lengths': (socket) =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    }
    for (const [what, how] of Object.entries(broken))
      it(`fails at a receiver that ${what}`, async () => {
        answer = how
        const { attempt } = await send(url, { timeout: 3000 })
        expect(attempt.error).to.be.a('string').with.length.greaterThan(3)
        expect(attempt).not.to.have.property('status')
      })
  })

  it('fails where nobody listens', async () => {
    await receiver.stop()
    expect((await send()).attempt.error).to.include('ECONNREFUSED')
  })

  it('turns credentials into a header and keeps them out of the attempt, even if the receiver sends them back', async () => {
    const url = receiver.url.replace('http://', 'http://us%65r:p%40ss-w0rd@')
    receiver.answer = (response, { headers }) =>
      response.writeHead(500).end(`you sent ${headers.authorization}, p@ss-w0rd`)
    const { attempt } = await send(url)
    expect(receiver.received[0]?.headers.authorization).to.equal(
      `Basic ${Buffer.from('user:p@ss-w0rd').toString('base64')}`,
    )
    expect(attempt.error).to.equal('you sent Basic ***, ***')
    await receiver.stop()
    expect(JSON.stringify(await send(url))).not.to.match(/p@ss|p%40ss/)
  })

  it('sends credentials that are no valid escapes as they are', async () => {
    await send(receiver.url.replace('http://', 'http://a:%zz@'))
    expect(receiver.received[0]?.headers.authorization).to.equal(
      `Basic ${Buffer.from('a:%zz').toString('base64')}`,
    )
  })

  describe('refuses, unless private networks are allowed,', () => {
    const port = () => new URL(receiver.url).port
    const spellings = [
      '127.0.0.1',
      '2130706433',
      '0x7f.0.0.1',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      'localhost',

      '0.0.0.0',
    ]
    for (const host of spellings)
      it(host, async () => {
        const tried = await send(`http://${host}:${port()}/`, { allowPrivateNetworks: false })
        expect(tried.refused).to.equal(true)
        expect(tried.attempt.error).to.match(/private address/)
        expect(receiver.received).to.have.length(0)
      })

    it('but not what is allowed', async () => {
      expect((await send(receiver.url.replace('127.0.0.1', 'localhost'))).attempt.status).to.equal(204)
    })

    it('what is no HTTP URL, allowed or not', async () => {
      for (const url of ['ftp://example.com', 'nonsense']) expect((await send(url)).refused).to.equal(true)
    })
  })
})
