/** The answers of Kong's Admin API. Source: exchanges recorded from Kong 3.9.1, and a look at one. */
export interface Answer {
  readonly status: number
  /** Absent: no content. */
  readonly body?: unknown
}

/** Ends the handling of a request with an answer. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly answer: Answer

  constructor(status: number, body: { readonly message: string; readonly [name: string]: unknown }) {
    super(body.message)
    this.answer = { status, body }
  }
}

export const notFound = () => new Refused(404, { message: 'Not found' })

export function duplicate(fields: Readonly<Record<string, unknown>>): Refused {
  const message = `UNIQUE violation detected on '${luaText(fields)}'`
  return new Refused(409, { code: 5, name: 'unique constraint violation', message, fields })
}

export function danglingReference(fields: Readonly<Record<string, unknown>>, entity: string): Refused {
  const [value] = Object.values(fields)
  const message = `the foreign key '${luaText(value)}' does not reference an existing '${entity}' entity.`
  return new Refused(400, { code: 4, name: 'foreign key violation', message, fields })
}

/** @param by the field that the request names the entity by, if it is not the id */
export function unsupported(method: string, entity: string, by?: string): Refused {
  const verb = { POST: 'create', PUT: 'create or update', PATCH: 'update', DELETE: 'remove' }[method]
  const which = by === undefined ? '' : ` by '${by}'`
  const message = `cannot ${verb} '${entity}' entities${which} when not using a database`
  return new Refused(405, { code: 12, name: 'operation unsupported', message })
}

export function invalidOption(name: string, problem: string): Refused {
  const message = `invalid option (${name}: ${problem})`
  return new Refused(400, { code: 11, name: 'invalid options', message, options: { [name]: problem } })
}

export function entityProblem(problem: string): Refused {
  return violated([problem], { '@entity': [problem] })
}

/** @param violations `path: problem`, as `config.webhook.timeout: …` or `config.alert_thresholds[1]: …` */
export function schemaViolation(violations: readonly string[]): Refused {
  const fields: Record<string, unknown> = {}
  for (const line of violations) {
    const at = line.indexOf(': ')
    put(
      fields,
      line
        .slice(0, at)
        .replaceAll(/\[(\d+)\]/g, '.$1')
        .split('.'),
      line.slice(at + 2),
    )
  }
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([inner, problem]) => `${name}.${inner}: ${told(problem)}`)
      : [`${name}: ${value}`],
  )
  return violated(lines.sort(), fields)
}

function violated(lines: readonly string[], fields: unknown): Refused {
  const count = lines.length === 1 ? 'schema violation' : `${lines.length} schema violations`
  const message = `${count} (${lines.join('; ')})`
  return new Refused(400, { code: 2, name: 'schema violation', message, fields })
}

function put(into: Record<string, unknown>, [name = '', ...rest]: readonly string[], problem: string): void {
  if (rest.length === 0) {
    into[name] = problem
    return
  }
  const inner = into[name] ?? (/^\d+$/.test(rest[0] ?? '') ? [] : {})
  into[name] = inner
  if (Array.isArray(inner)) inner[Number(rest[0]) - 1] = problem
  else put(inner as Record<string, unknown>, rest, problem)
}

/** Kong pretty-prints a Lua table here. */
function told(problem: unknown): string {
  if (typeof problem === 'string') return problem
  if (Array.isArray(problem)) return `{\n  ${problem.map((one) => JSON.stringify(one)).join(',\n  ')}\n}`
  const members = Object.entries(problem as object).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{\n  ${members.map(([name, one]) => `${name} = ${JSON.stringify(one)}`).join(',\n  ')}\n}`
}

function luaText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, one]) => `${name}=${luaText(one)}`).join(',')}}`
}
