import type { Readable, Writable } from 'node:stream'

/** All of a stream. @throws what breaks the stream off, or Error('aborted') */
export async function whole(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  await drain(stream, (chunk) => {
    chunks.push(chunk)
  })
  const [only] = chunks
  return chunks.length === 1 && only ? only : Buffer.concat(chunks)
}

/** Passes a stream on as fast as the other side takes it. @param each sees every piece first */
export async function pump(from: Readable, to: Writable, each: (chunk: Buffer) => void): Promise<void> {
  const resume = (): void => {
    from.resume()
  }
  to.on('drain', resume)
  // A closed destination never drains, so the rest is read and dropped.
  to.on('close', resume)
  await drain(from, (chunk) => {
    each(chunk)
    if (!to.write(chunk) && !to.destroyed) from.pause()
  })
}

// Events instead of `for await`: an iterator per body costs a tenth of the gateway's throughput.
async function drain(stream: Readable, take: (chunk: Buffer) => void): Promise<void> {
  // An ended stream emits no further events, and a client may leave before its body is read.
  if (stream.destroyed && !stream.readableEnded) throw new Error('aborted')
  if (stream.readableEnded) return
  await new Promise<void>((resolve, reject) => {
    stream.on('data', take)
    stream.on('end', resolve)
    stream.on('error', reject)
    stream.on('close', () => reject(new Error('aborted')))
  })
}
