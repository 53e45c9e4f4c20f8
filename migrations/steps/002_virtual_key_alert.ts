import type { Step } from '../step.ts'

/** Gives every record a threshold and a webhook of its own; '' = not set, the plugin's configuration stands. */
export const virtualKeyAlert: Step = {
  name: '002_virtual_key_alert',
  over: 'index',
  lacks: `redis.call('HEXISTS', record, 'alert_threshold') + redis.call('HEXISTS', record, 'alert_webhook') < 2`,
  change: `
    local threshold, webhook = redis.call('HGET', record, 'alert_threshold'), redis.call('HGET', record, 'alert_webhook')
    redis.call('HSET', record, 'alert_threshold', threshold or '', 'alert_webhook', webhook or '')`,
}
