import type { Facts } from '../json/facts.ts'

/** What `isStored` looks at. */
export const STORED_PATHS: readonly string[] = ['object', 'name']

/**
 * `batch`: the sum over many earlier requests, given again at each poll. `thread.run.step`: a part of its run, which
 * reports the whole.
 */
const OBJECTS = new Set(['batch', 'thread.run.step'])

/** The name of a Gemini or Vertex cached content; its token count is its size, nothing was generated. */
const CACHED_CONTENT = /(^|\/)cachedContents\//

/** Whether the document describes something stored, or a part of something reported elsewhere: it counts nothing. */
export function isStored(facts: Facts): boolean {
  const object = facts.get('object')
  const name = facts.get('name')
  return (
    (typeof object === 'string' && OBJECTS.has(object)) ||
    (typeof name === 'string' && CACHED_CONTENT.test(name))
  )
}
