import type { Declaration } from './entities.ts'
import type { GatewayPlugin } from './gateway-plugin.ts'
import { keyAuth } from './key-auth.ts'
import type { Log } from './log.ts'
import { postFunction } from './post-function.ts'

/**
 * The plugins that come with Kong, as far as this gateway has them: one line each. A plugin that is not here is refused by
 * name when a file is read.
 */
export function bundledPlugins(
  declaration: Pick<Declaration, 'consumers' | 'credentials'>,
  log: Log,
): GatewayPlugin[] {
  return [keyAuth(declaration), postFunction(log)]
}
