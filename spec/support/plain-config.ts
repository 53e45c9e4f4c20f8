import { withDefaults } from '../../dev/gateway/validation.ts'
import { type Config, config } from '../../schema/config.ts'

/** The configuration of an operator who sets nothing, as Kong fills it in. */
export const PLAIN_CONFIG = withDefaults(config, {}) as unknown as Config
