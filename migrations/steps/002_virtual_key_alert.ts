import type { Step } from '../step.ts'

/** Gives every record a threshold and a webhook of its own; '' = not set, the plugin's configuration stands. */
export const virtualKeyAlert: Step = {
  name: '002_virtual_key_alert',
  over: 'index',
  lacks: `redis.call('HEXISTS', record, 'alert_threshold') + redis.call('HEXISTS', record, 'alert_webhook') < 2`,
  change: `
    redis.call('HSETNX', record, 'alert_threshold', '')
    redis.call('HSETNX', record, 'alert_webhook', '')`,
}
