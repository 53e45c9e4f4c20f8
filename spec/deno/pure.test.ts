import assert from 'node:assert/strict'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { declaredMost } from '../../plugins/virtual-key/admission/declared.ts'
import { Schema } from '../../plugins/virtual-key/index.ts'
import { outcomeOf, SCHEDULE } from '../../plugins/virtual-key/outbox/outcome.ts'
import { signedHeaders, signingKey } from '../../plugins/virtual-key/outbox/sign.ts'
import { isPrivate } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { windowAt } from '../../plugins/virtual-key/policy/window.ts'
import { outboxNames, partitionOf } from '../../plugins/virtual-key/redis/names.ts'
import { isObject, requestObject } from '../../plugins/virtual-key/request/body.ts'
import { NOT_UTF8 } from '../../plugins/virtual-key/request/denial.ts'
import { requestFacts } from '../../plugins/virtual-key/request/guard.ts'
import { readUsage } from '../../plugins/virtual-key/usage/read-usage.ts'
import { alertJson, rfc3339 } from '../../schema/alert.ts'

/** The pure parts under Deno: the same files, not a build of them. */

const utf8 = (text: string) => new TextEncoder().encode(text)

Deno.test('reads usage, plain and encoded', () => {
  const body = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}'
  const expected = { promptTokens: 3, completionTokens: 5, totalTokens: 8 }
  assert.deepEqual(readUsage(utf8(body)), expected)
  assert.deepEqual(readUsage(gzipSync(body)), expected)
  assert.deepEqual(readUsage(brotliCompressSync(body), { contentEncoding: 'br' }), expected)
  assert.equal(readUsage(utf8('no usage here')), undefined)
})

Deno.test('reads what a request declares, and refuses what is no UTF-8', () => {
  const head = { contentType: 'application/json', contentEncoding: '' }
  const object = requestObject(utf8('{"max_tokens":5,"MAX_TOKENS":7}'), head)
  assert.equal(isObject(object) && declaredMost(object, '/v1/messages', 1), 7)
  assert.deepEqual(requestObject(new Uint8Array([0x7b, 0, 0x7d, 0]), head), NOT_UTF8)
  assert.deepEqual(requestObject(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), head), NOT_UTF8)
})

Deno.test('puts an alert together', () => {
  const json = alertJson({ key_id: 'vk-"abc"', service: 'openai', timestamp: rfc3339(0) })
  assert.deepEqual(JSON.parse(`${json.before_threshold}100${json.before_total}101${json.after_total}`), {
    event: 'token_threshold_crossed',
    key_id: 'vk-"abc"',
    service: 'openai',
    threshold: 100,
    total_tokens: 101,
    timestamp: '1970-01-01T00:00:00Z',
  })
})

Deno.test("signs the Standard Webhooks specification's test vector", () => {
  const key = signingKey('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  const headers = signedHeaders([key], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330_000, '{"test": 2432232314}')
  assert.equal(headers['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

Deno.test('knows private addresses', () => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    'fe80::1',
    '0.0.0.0',
  ]) {
    assert.equal(isPrivate(address), true, address)
  }
  for (const address of ['8.8.8.8', '2606:4700::1111']) assert.equal(isPrivate(address), false, address)
})

Deno.test('decides windows, names, encodings, outcomes and the schema', () => {
  assert.deepEqual(windowAt('month', Date.UTC(2028, 1, 29)), {
    kind: 'month',
    label: '2028-02',
    end: Date.UTC(2028, 2, 1),
  })
  assert.equal(partitionOf('foo'), 12182 % 16)
  assert.equal(outboxNames(3).retry, 'vk:{3}:retry')
  assert.equal(requestFacts({ 'accept-encoding': ['*'] }).acceptEncoding, 'identity')
  const attempt = { at: 0, duration: 1, status: 503 }
  assert.deepEqual(outcomeOf({ attempt }, 1, SCHEDULE, 0.5), { state: 'retry', delay: 5000 })
  assert.ok(Schema.length > 10)
})
