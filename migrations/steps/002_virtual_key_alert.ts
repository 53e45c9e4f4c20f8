import type { Step } from '../step.ts'

/** Gives every record a threshold and a webhook of its own; '' = not set, the plugin's configuration stands. */
export const virtualKeyAlert: Step = {
  name: '002_virtual_key_alert',
  over: 'index',
  lacks: `redis.call('HEXISTS', record, 'alert_threshold') + redis.call('HEXISTS', record, 'alert_webhook') < 2`,
  trial: `redis.call('HMGET', none, 'x')`,
  change: `
    local old = redis.call('HMGET', record, 'alert_threshold', 'alert_webhook')
    redis.call('HSET', record, 'alert_threshold', old[1] or '', 'alert_webhook', old[2] or '')`,
}
