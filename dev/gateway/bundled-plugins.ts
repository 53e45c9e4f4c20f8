import type { Declaration } from './entities.ts'
import type { GatewayPlugin } from './gateway-plugin.ts'
import { keyAuth } from './key-auth.ts'

/**
 * The plugins that come with Kong, as far as this gateway has them: one line each. A plugin that is not here is refused by
 * name when a file is read. The next one would be post-function, with bodyFilter and log and only the tap of KONG.md 22.
 */
export function bundledPlugins(declaration: Pick<Declaration, 'consumers' | 'credentials'>): GatewayPlugin[] {
  return [keyAuth(declaration)]
}
