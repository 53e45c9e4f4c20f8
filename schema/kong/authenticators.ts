/** A plugin that authenticates, before any plugin that needs to know the consumer. */
export interface Authenticator {
  readonly name: string
  /** Kong runs plugins with a higher one earlier. */
  readonly priority: number
  /** Part of Kong Enterprise only. */
  readonly enterprise?: true
}

/**
 * Every plugin of Kong that authenticates, in the order in which Kong runs them. Where one of them is enabled, no second one is added,
 * because both would have to accept a request. None of them can be bound to a consumer.
 * Source: Kong's plugin ordering reference, https://docs.konghq.com/konnect/reference/plugins, and Kong 3.9, kong/plugins/<name>/handler.lua.
 */
export const AUTHENTICATORS: readonly Authenticator[] = [
  { name: 'session', priority: 1900 },
  { name: 'oauth2-introspection', priority: 1700, enterprise: true },
  { name: 'mtls-auth', priority: 1600, enterprise: true },
  { name: 'jwt', priority: 1450 },
  { name: 'oauth2', priority: 1400 },
  { name: 'vault-auth', priority: 1350, enterprise: true },
  { name: 'key-auth', priority: 1250 },
  { name: 'key-auth-enc', priority: 1250, enterprise: true },
  { name: 'ldap-auth', priority: 1200 },
  { name: 'ldap-auth-advanced', priority: 1200, enterprise: true },
  { name: 'basic-auth', priority: 1100 },
  { name: 'openid-connect', priority: 1050, enterprise: true },
  { name: 'hmac-auth', priority: 1030 },
  { name: 'jwt-signer', priority: 1020, enterprise: true },
  { name: 'saml', priority: 1010, enterprise: true },
  { name: 'header-cert-auth', priority: 1009, enterprise: true },
]

/** @throws Error for a name that is none of them */
export function authenticator(name: string): Authenticator {
  const found = AUTHENTICATORS.find((one) => one.name === name)
  if (found === undefined) throw new Error(`${name} is none of Kong's authenticators`)
  return found
}
