import { expect } from 'chai'
import {
  callable,
  isPrivate,
  loggable,
  publicLookup,
  RefusedTarget,
  refuseAddress,
} from '../../../../plugins/virtual-key/outbox/webhook-target.ts'

describe('isPrivate', () => {
  const hidden = [
    '127.0.0.1',
    '127.255.0.1',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '::',
    '::1',
    '[::1]',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:127.0.0.1',
    '0000:0000:0000:0000:0000:FFFF:7F00:0001',
    '::FFFF:a9fe:a9fe',
    '::ffff:10.0.0.1',
    '::ffff:0:1',
    '64:ff9b::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '3fff::1',
    '100::1',
    '168.63.129.16',
    '::ffff:168.63.129.16',
    '64:ff9b::168.63.129.16',
    '169.254.170.2',
    '100.100.100.200',
    '192.0.0.192',
    '192.88.99.1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '1fff:ffff::1',
    '4000::1',
    '5f00::1',
    '200::1',
    '8000::1',
    'fe00::1',
    '::1:0:0:1',
    'not an address',
    '',
  ]
  for (const address of hidden) it(`${address} is private`, () => expect(isPrivate(address)).to.equal(true))

  const open = [
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '172.32.0.1',
    '192.169.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '168.63.129.15',
    '2606:4700::1111',
    '2001:200::1',
    '3ffe::1',
    '[2a00::1]',
  ]
  for (const address of open) it(`${address} is public`, () => expect(isPrivate(address)).to.equal(false))
})

describe('a URL', () => {
  for (const url of [
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://0x7f.1/',
    'http://127.1/',
    'http://[::ffff:7f00:1]/',
    'http://１２７.0.0.1/',
    'http://0xa9fea9fe/latest',
  ])
    it(`${url} is refused as the address it is`, () =>
      expect(() => refuseAddress(callable(url).hostname)).to.throw(RefusedTarget, 'is a private address'))

  for (const url of [
    'not a url',
    'ftp://example.com/',
    'file:///etc/passwd',
    'unix:/run/x.sock',
    'http://user:secret@/',
  ])
    it(`${url} can never be called, and the reason does not tell it`, () =>
      expect(() => callable(url))
        .to.throw(RefusedTarget)
        .that.satisfies((error: Error) => !error.message.includes('secret')))

  it('shows neither credentials nor path in a log', () =>
    expect(loggable('https://user:secret@hooks.example.com/T0/B0/token?x=1')).to.equal(
      'https://hooks.example.com',
    ))
})

describe('publicLookup', () => {
  const look = (name: string, all: boolean) =>
    new Promise<Error | null>((resolve) =>
      publicLookup(name, { all }, (error: Error | null) => resolve(error)),
    )
  for (const all of [true, false])
    it(`refuses a name that resolves to a private address (${all ? 'all' : 'one'})`, async () => {
      const error = await look('localhost', all)
      expect(error).to.be.instanceOf(RefusedTarget)
      expect(error?.message).to.match(/^localhost resolves to the private address (127\.|::1)/)
    })
  it('passes on what the resolver says of a name that does not exist', async () =>
    expect(await look('no-such-host.invalid', true)).not.to.be.instanceOf(RefusedTarget))
})
