import type { Config } from '../../schema/config.ts'

/** The configuration of an operator who sets nothing, as Kong fills it in. */
export const PLAIN_CONFIG: Config = {
  alert_threshold: 0,
  body: 'buffered',
  ask_for_usage: false,
  estimate: true,
  webhook: { timeout: 10_000, allow_private_networks: false, format: 'json' },
  token_budget: 0,
  window: 'total',
  identify_by: 'consumer',
  header_name: 'x-virtual-key',
  require_key: false,
  registry: false,
  reserve: false,
  reserve_default: 1000,
  hide_client_headers: false,
  fault_tolerant: true,
  redis: { host: '127.0.0.1', port: 6379, database: 0, ssl: false, ssl_verify: false, timeout: 2000 },
}
