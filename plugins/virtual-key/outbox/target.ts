import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net'

/** The address may not be called: it belongs to a private network, or to no host at all. */
export class RefusedTarget extends Error {
  override readonly name = 'RefusedTarget'
}

/** A webhook's URL. @throws RefusedTarget where it can never be called; the URL may hold credentials, so it is not told. */
export function callable(url: string): URL {
  if (!URL.canParse(url)) throw new RefusedTarget('the webhook is not a URL')
  const target = new URL(url)
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    throw new RefusedTarget(`the webhook's protocol is "${target.protocol}", not http or https`)
  }
  return target
}

/** Source: IANA's special-purpose address registries for IPv4 and IPv6. */
const PRIVATE = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96],
  ['64:ff9b::', 112],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
])

function blockList(subnets: ReadonlyArray<readonly [string, number]>): BlockList {
  const list = new BlockList()
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4')
  return list
}

/** Private, loopback, link-local (cloud metadata too), multicast, reserved, or an IPv6 form that carries such an IPv4 address. */
export function isPrivate(address: string): boolean {
  const bare = address.replace(/^\[|\]$|%.*$/g, '')
  const carried = carriedIPv4(bare)
  if (carried !== undefined) return PRIVATE.check(carried, 'ipv4')
  const family = isIP(bare)
  return family === 0 || PRIVATE.check(bare, family === 6 ? 'ipv6' : 'ipv4')
}

/**
 * The IPv4 address in ::ffff:a.b.c.d, or in 64:ff9b::a.b.c.d, by which IPv6-only networks reach IPv4 hosts (NAT64), in any of its
 * spellings.
 */
function carriedIPv4(address: string): string | undefined {
  if (!isIPv6(address)) return undefined
  const normal = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [, high, low] = /^(?:::ffff|64:ff9b:):([0-9a-f]+):([0-9a-f]+)$/.exec(normal) ?? []
  if (high === undefined || low === undefined) return undefined
  const bits = Number.parseInt(high, 16) * 0x10000 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.')
}

/** Throws where a URL's host is an address that may not be called. Names are judged when they are resolved. */
export function refuseAddress(hostname: string): void {
  const bare = hostname.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0 && isPrivate(bare)) throw new RefusedTarget(`${bare} is a private address`)
}

/**
 * Resolves like node:dns, but refuses a name of which any address is private. It is the connection's own look-up, so what was
 * judged is what is called, and a name that changes its address in between (DNS rebinding) gains nothing.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0)
    const hidden = addresses.find(({ address }) => isPrivate(address))
    if (hidden) {
      return callback(
        new RefusedTarget(`${hostname} resolves to the private address ${hidden.address}`),
        '',
        0,
      )
    }
    if (options.all) return (callback as unknown as AllAddresses)(null, addresses)
    const [first] = addresses
    callback(null, first?.address ?? '', first?.family ?? 0)
  })
}

/** The second form of a look-up's callback, used when all addresses are asked for. */
type AllAddresses = (error: null, addresses: LookupAddress[]) => void

/** A target as it may be logged: no credentials, no path, because chat webhooks carry their secret in the path. */
export function loggable(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'an unparsable URL'
}
