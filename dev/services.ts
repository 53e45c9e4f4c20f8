import { startInbox } from './inbox.ts'
import { readSample } from './sample.ts'
import { startUpstream } from './upstream.ts'

/** The sample upstream and the webhook inbox alone, for docker-compose.yml. */
async function main(): Promise<void> {
  const { upstreamPort, inboxPort, secret } = readSample()
  await startUpstream(upstreamPort)
  await startInbox(inboxPort, secret, ({ verified, id, body }) => {
    process.stdout.write(`ALERT ${verified ? 'verified' : 'NOT VERIFIED'}, webhook-id ${id}: ${body}\n`)
  })
  process.stdout.write(`sample upstream on ${upstreamPort}, webhook inbox on ${inboxPort}\n`)
}

process.once('SIGTERM', () => process.exit(0))
main().catch((error: Error) => {
  process.stderr.write(`virtual-key: ${error.message}\n`)
  process.exit(1)
})
