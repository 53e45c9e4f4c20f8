import { config } from '../../schema/config.ts'
import { kongFields } from '../../schema/fields.ts'

/** What Kong has to know of the plugin before it starts it. It is kept apart, so that telling it loads nothing of the plugin itself. */

export const Name = 'virtual-key'
export const Version = '0.1.0'
/** After key-auth (1250), so that the consumer is known; before the plugins that rewrite requests and answers (ai-proxy, 770). */
export const Priority = 900
/** In the order of kong-pdk. Its `response` makes Kong buffer. */
export const Phases = ['log', 'access', 'response'] as const
export const Schema = kongFields(config)
