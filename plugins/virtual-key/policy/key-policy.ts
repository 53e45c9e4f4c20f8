import type { Settings } from './settings.ts'
import type { Terms } from './terms.ts'
import { windowAt, windowsAt } from './window.ts'

/**
 * What a configuration says about a key at an instant.
 * @param configuration its id @param at milliseconds since 1970
 */
export function termsOf(
  { identification, registry, window, budget, rules, webhook }: Settings,
  configuration: string,
  keyId: string,
  at: number,
): Terms {
  const own = windowAt(window, at)
  const { url, timeout, allowPrivateNetworks, format, keys } = webhook
  return {
    keyId,
    ...(identification.by === 'header' ? { invented: true } : {}),
    registry,
    // The key's record may name any kind, and which one is known only inside the script.
    windows: registry ? [own, ...windowsAt(at).filter(({ kind }) => kind !== window)] : [own],
    budget,
    rules,
    target: {
      timeout,
      allowPrivateNetworks,
      format,
      ...(url === undefined ? {} : { url }),
      configuration,
      ...(keys.length > 0 ? { signed: true } : {}),
    },
  }
}
