import { createServer } from 'node:http'
import { Sender } from '../../plugins/virtual-key/outbox/send.ts'
import { isPrivate } from '../../plugins/virtual-key/outbox/webhook-target.ts'

Deno.test('Deno too refuses private addresses when it connects, and sends where they are allowed', async () => {
  for (const address of ['127.0.0.1', '::1', '::ffff:7f00:1', '64:ff9b::10.0.0.1', '169.254.169.254'])
    if (!isPrivate(address)) throw new Error(`${address} should be private`)
  if (isPrivate('8.8.8.8') || isPrivate('2606:4700::1111')) throw new Error('should be public')

  let called = 0
  const server = createServer((_, response) => {
    called++
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const sender = new Sender(Date.now)
  const send = (host: string, allowPrivateNetworks: boolean) =>
    sender.send({
      url: `http://${host}:${port}/`,
      headers: {},
      body: '{}',
      timeout: 2000,
      allowPrivateNetworks,
    })
  try {
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::ffff:127.0.0.1]']) {
      const { refused, attempt } = await send(host, false)
      if (!refused) throw new Error(`${host} was not refused: ${JSON.stringify(attempt)}`)
    }
    if (called > 0) throw new Error('a refused target was called')
    const { attempt } = await send('localhost', true)
    if (attempt.status !== 204) throw new Error(JSON.stringify(attempt))
  } finally {
    await sender.close()
    await new Promise((resolve) => server.close(resolve))
  }
})
