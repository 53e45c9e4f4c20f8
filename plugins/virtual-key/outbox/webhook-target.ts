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

/**
 * IPv4 networks that are not public, and addresses of cloud metadata services, which hand out credentials to whoever can reach them.
 * Source of the networks: https://www.iana.org/assignments/iana-ipv4-special-registry
 */
const NOT_PUBLIC = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // In a network of its own that belongs to Microsoft, and so public by IANA's registry.
  // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  ['168.63.129.16', 32],
  // Inside the networks above; named so that a shorter list of those would not open them.
  // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  ['169.254.169.254', 32],
  // Credentials of ECS tasks and EKS pods. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
  ['169.254.170.2', 32],
  ['169.254.170.23', 32],
  // Tencent. https://cloud.tencent.com/document/product/213/4934
  ['169.254.0.23', 32],
  // Alibaba. https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
  ['100.100.100.200', 32],

  // IPv6: the special networks inside of 2000::/3. https://www.iana.org/assignments/iana-ipv6-special-registry
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  // AWS, EC2 and EKS pods. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  ['fd00:ec2::254', 128],
  ['fd00:ec2::23', 128],
  // Google. https://cloud.google.com/compute/docs/metadata/querying-metadata
  ['fd20:ce::254', 128],
])

/** All that is assigned as global unicast; whatever else IPv6 may come to mean is not called. RFC 4291, section 2.4; IANA. */
const UNICAST = blockList([['2000::', 3]])

function blockList(subnets: ReadonlyArray<readonly [string, number]>): BlockList {
  const list = new BlockList()
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4')
  return list
}

/**
 * Whether an address is anything but public unicast: private, loopback, link-local, multicast, reserved, a cloud's metadata service,
 * or an IPv6 form that carries such an IPv4 address.
 */
export function isPrivate(address: string): boolean {
  const bare = address.replace(/^\[|\]$|%.*$/g, '')
  const carried = carriedIPv4(bare)
  if (carried !== undefined) return NOT_PUBLIC.check(carried, 'ipv4')
  if (isIPv6(bare)) return !UNICAST.check(bare, 'ipv6') || NOT_PUBLIC.check(bare, 'ipv6')
  return isIP(bare) === 0 || NOT_PUBLIC.check(bare, 'ipv4')
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
