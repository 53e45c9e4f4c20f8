import type { Step } from '../step.ts'

/** Puts every record into the index of its partition: those restored from elsewhere, or written before there was an index. */
export const virtualKeys: Step = {
  name: '001_virtual_keys',
  over: 'names',
  lacks: `not redis.call('ZSCORE', index, id)`,
  trial: `redis.call('ZCARD', index) redis.call('ZADD', none, 'XX', 0, 'x')`,
  change: `redis.call('ZADD', index, 0, id)`,
}
