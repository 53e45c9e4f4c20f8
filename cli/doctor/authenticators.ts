/** Plugins that find out who calls: Kong's own, and those of its enterprise edition. */
export const AUTHENTICATORS: readonly string[] = [
  'key-auth',
  'jwt',
  'oauth2',
  'basic-auth',
  'hmac-auth',
  'ldap-auth',
  'session',
  'key-auth-enc',
  'mtls-auth',
  'header-cert-auth',
  'openid-connect',
  'oauth2-introspection',
  'ldap-auth-advanced',
  'vault-auth',
  'saml',
  'jwt-signer',
]
