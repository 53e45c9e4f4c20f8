/** What reading usage would cost with the whole body built: decode, parse, take the member. */
export function parseJson(body: Buffer): unknown {
  return JSON.parse(body.toString())
}

/** A full parse of server-sent events or NDJSON: every line split and every document built, the last usage taken. */
export function parseStream(body: Buffer): unknown {
  let last: unknown
  for (const line of body.toString().split(/\r\n|\n|\r/)) {
    const data = line.startsWith('data:') ? line.slice(5) : line.startsWith('{') ? line : ''
    if (data !== '' && data !== ' [DONE]') last = JSON.parse(data)
  }
  return last
}
