import type { RequestObject } from '../request/body.ts'
import { type Member, membersAt, Names } from '../request/members.ts'
import { pathOf } from '../request/target.ts'
import type { ApiFormat } from '../usage/api-format.ts'
import { FORMATS } from '../usage/formats.ts'
import { OPEN_OBJECT } from '../usage/json/bytes.ts'

/** No client names a member so often; to read a bound that is there 200,000 times would keep everybody waiting. */
const MOST_SAME = 4
/** Longer text is no number that anybody means, but a server that reads it may find any. Unit: bytes. */
const LONGEST_NUMBER = 1024

/** By which members requests bound what their answers may cost; `object.member` for a member of an object. */
export interface BoundTable {
  /** Members of the request: bounds, numbers of answers, and objects that hold some. */
  readonly top: Names
  /** Members of those objects. */
  readonly inside: ReadonlyMap<string, Names>
  readonly answers: ReadonlySet<string>
  /** Where no API is known, each bound may be obeyed. */
  readonly all: ReadonlySet<string>
  /** The bounds that an API obeys, by the end of its path; others are decoys there. */
  readonly obeyed: ReadonlyArray<readonly [path: RegExp, bounds: ReadonlySet<string>]>
}

export function boundsOf(formats: readonly ApiFormat[]): BoundTable {
  const apis = formats
    .flatMap(({ bounds }) => bounds ?? [])
    .map(({ path, most, answers = [] }) => ({ path, most: most.map(snake), answers: answers.map(snake) }))
  const all = new Set(apis.flatMap(({ most }) => most))
  const answers = new Set(apis.flatMap((api) => api.answers))
  const places = [...all, ...answers].map((name) => name.split('.'))
  const objects = new Set(places.flatMap(([object = '', member]) => (member === undefined ? [] : [object])))
  const inside = [...objects].map((object) => {
    const names = places.flatMap(([name, member]) =>
      name === object && member !== undefined ? [member] : [],
    )
    return [object, new Names(names)] as const
  })
  return {
    top: new Names([...new Set(places.map(([name = '']) => name))]),
    inside: new Map(inside),
    answers,
    all,
    obeyed: apis.flatMap(({ path, most }) => (path === undefined ? [] : [[path, new Set(most)] as const])),
  }
}

/** As protobuf names a member, which takes camelCase for the same. */
function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

const BOUNDS = boundsOf(FORMATS)

/**
 * The most tokens that a request lets its answer have, all of its answers together; `byDefault` where it sets no bound, or one that is
 * no number. Of several bounds, and of several readings of one, it is the largest, because which one the upstream obeys is not known here;
 * where a member is named very often, it is more than any budget. The prompt is not part of it.
 * @param target path and query as they stand in the request line
 */
export function declaredMost(
  { bytes, open }: RequestObject,
  target: string,
  byDefault: number,
  table = BOUNDS,
): number {
  const path = pathOf(target)
  const apis = table.obeyed.filter(([api]) => api.test(path))
  const obeyed = apis.length > 0 ? new Set(apis.flatMap(([, bounds]) => [...bounds])) : table.all
  const top = membersAt(bytes, open, table.top)?.found ?? new Map<string, readonly Member[]>()
  let bound: number | undefined
  let answers = 1
  const read = (found: ReadonlyMap<string, readonly Member[]>, object = ''): void => {
    for (const [name, members] of found) {
      if (members.length > MOST_SAME) bound = Number.MAX_SAFE_INTEGER
      else if (table.answers.has(object + name)) {
        for (const reading of readings(bytes, members)) answers = Math.max(answers, reading ?? 1)
      } else if (obeyed.has(object + name)) {
        for (const reading of readings(bytes, members)) bound = Math.max(bound ?? 0, reading ?? byDefault)
      }
    }
  }
  read(top)
  for (const [object, names] of table.inside) {
    const members = top.get(object)
    if (!members || ![...obeyed].some((name) => name.startsWith(`${object}.`))) continue
    for (const { from } of members.slice(0, MOST_SAME)) {
      const inside = membersAt(bytes, from, names)
      if (inside) read(inside.found, `${object}.`)
      // It has more members than are looked at.
      else if (bytes[from] === OPEN_OBJECT) bound = Number.MAX_SAFE_INTEGER
    }
  }
  return capped(capped(bound ?? byDefault) * capped(answers))
}

/** No more than what is counted exactly. JSON may say 1e999, and 0 times that is no number. */
function capped(tokens: number): number {
  return Math.min(tokens, Number.MAX_SAFE_INTEGER)
}

/**
 * The numbers of at least 0 that some members are, whole ones however they are written; a lenient server reads "100" too. undefined: it is
 * another number, such as Ollama's -1 for no bound, or none. A single null is as good as a member that is not there.
 */
function readings(bytes: Buffer, members: readonly Member[]): (number | undefined)[] {
  const texts = members.map(({ from, to }) =>
    bytes.toString('latin1', from, Math.min(to, from + LONGEST_NUMBER + 1)),
  )
  return texts.length === 1 && texts[0] === 'null' ? [] : texts.map(numberOf)
}

function numberOf(text: string): number | undefined {
  if (text.length > LONGEST_NUMBER) return /^"?[\d.+\s_-]/.test(text) ? Number.MAX_SAFE_INTEGER : undefined
  const [, digits = ''] = /^"?\s*\+?(\d[\d.eE+_-]*)\s*"?$/.exec(text) ?? []
  const value = digits === '' ? Number.NaN : Math.ceil(Number(digits.replaceAll('_', '')))
  return value >= 0 ? value : undefined
}
