import { json } from '../output/text.ts'
import { ROTATING } from './kong-state.ts'
import { type Change, lineOf, oneLine, type Scope } from './plan.ts'

type Entry = Record<string, unknown>

const HEAD = [
  '# Kong runs without a database: these lines belong into its kong.yml (or the file of decK), into the entries of',
  '# the same name where there are some. Load it then: kong reload, deck gateway sync, or POST /config.',
]
const NOTHING = '# Kong runs without a database, and no lines of a kong.yml can say this.'
/** Seen on Kong 3.9.1: a credential with a ttl in a kong.yml does not work at all. */
const NO_TTL = '# A ttl cannot stand in a kong.yml: with a registry, --expires-in ends the key instead.'

/**
 * Changes of Kong as lines for the kong.yml of a node without a database, or for decK. Changes that lines cannot express, such as a
 * deletion, are listed in comments.
 */
export function kongYml(changes: readonly Change[], secret: string): string {
  const sections = new Map<string, Map<string, Entry>>()
  const comments: string[] = []
  for (const change of changes) {
    const added = additionOf(change, secret)
    if (added !== undefined) add(sections, added)
    else if (!isMark(change)) comments.push(`# ${oneLine(lineOf(change))}`)
  }
  const lines = [...sections].flatMap(([section, entries]) => [
    `${section}:`,
    ...[...entries.values()].flatMap((entry) =>
      section === 'plugins'
        ? (entry.plugins as Entry[]).flatMap((one) => yamlItem(one, 2))
        : yamlItem(entry, 2),
    ),
  ])
  const timed = changes.some(
    ({ operation }) => operation.kind === 'create credential' && operation.ttl !== undefined,
  )
  const byHand = comments.length === 0 ? [] : ['# To be done by hand:', ...comments]
  const head = lines.length === 0 ? [NOTHING] : [...HEAD, ...(timed ? [NO_TTL] : [])]
  return [...head, ...lines, ...byHand].join('\n')
}

/** The mark of a rotation is left out: only a Kong that is changed step by step needs it. */
function isMark({ operation }: Change): boolean {
  return operation.kind === 'change credential' && operation.values.tags !== undefined
}

interface Addition {
  readonly scope: Scope
  readonly entry: Entry
}

/** @returns undefined if lines cannot express the change */
function additionOf({ operation }: Change, key: string): Addition | undefined {
  switch (operation.kind) {
    case 'create consumer':
      return { scope: { kind: 'consumer', name: operation.name }, entry: { tags: operation.tags } }
    case 'create credential': {
      const tags = operation.tags.filter((tag) => tag !== ROTATING)
      return {
        scope: { kind: 'consumer', name: operation.consumer },
        entry: { keyauth_credentials: [{ key, tags }] },
      }
    }
    case 'create plugin':
      return {
        scope: operation.scope,
        entry: { plugins: [{ name: operation.name, tags: operation.tags, config: operation.config }] },
      }
    case 'change plugin':
      return { scope: operation.scope, entry: { plugins: [{ name: operation.name, ...operation.values }] } }
    default:
      return undefined
  }
}

/** Adds the lines to the entry of the scope, which may exist already. */
function add(sections: Map<string, Map<string, Entry>>, { scope, entry }: Addition): void {
  const section = scope.kind === 'global' ? 'plugins' : `${scope.kind}s`
  const name = scope.kind === 'global' ? '' : scope.name
  const entries = sections.get(section) ?? new Map<string, Entry>()
  sections.set(section, entries)
  const called = calledBy(scope, name)
  const into: Entry = entries.get(name) ?? (scope.kind === 'global' ? {} : called)
  entries.set(name, into)
  for (const [field, value] of Object.entries(entry)) {
    const before = into[field]
    into[field] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value
  }
}

/** A route or service without a name is named by its id. */
function calledBy(scope: Scope, name: string): Entry {
  if (scope.kind === 'consumer') return { username: name }
  return scope.kind !== 'global' && scope.id === name ? { id: name } : { name }
}

/**
 * One item of a list, as lines of YAML. Texts are written as JSON strings, which YAML 1.2 understands; so no text can become a number, a
 * comment or a tag.
 * @param indent spaces before the dash
 */
export function yamlItem(value: Readonly<Record<string, unknown>>, indent: number): string[] {
  return mapping(value, indent + 2).map((line, i) =>
    i === 0 ? `${' '.repeat(indent)}- ${line.trimStart()}` : line,
  )
}

function mapping(value: Readonly<Record<string, unknown>>, indent: number): string[] {
  const margin = ' '.repeat(indent)
  return Object.entries(value).flatMap(([name, one]) => {
    if (Array.isArray(one) && one.length > 0 && one.every(isMapping))
      return [`${margin}${name}:`, ...one.flatMap((inner) => yamlItem(inner, indent + 2))]
    if (isMapping(one)) return [`${margin}${name}:`, ...mapping(one, indent + 2)]
    return [`${margin}${name}: ${json(one)}`]
  })
}

/** An empty one is written as JSON too. */
function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
}
