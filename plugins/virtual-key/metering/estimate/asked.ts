/**
 * Endpoints that only count, judge or store what they are sent, in any API: a client that hangs up on one has spent nothing. No
 * endpoint of a model ends so, so that nobody can make one pass for another.
 */
const NO_MODEL =
  /(\/(count[_-]tokens|input_tokens|tokenize|detokenize|moderations|files|uploads|batches|vector_stores|cancel)|:countTokens)\/?$/

/** Whether a request to this path can have spent tokens though nothing of its answer was seen. */
export function asksModel(path: string): boolean {
  return !NO_MODEL.test(path)
}
