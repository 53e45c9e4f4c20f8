import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'

/** One connection to one Redis, or one client of a Redis Cluster. */
export type Connection = Redis | Cluster

type ArgumentList = ReadonlyArray<object | undefined>

/** A Lua script that Redis runs as one step, with the types of its arguments and of its reply; declared beside its caller. */
export interface Script<Arguments extends ArgumentList, Reply> {
  readonly name: string
  /** Of arguments that go as plain text: their names, in the order in which they go. */
  readonly argumentNames: readonly string[]
  /** Only for the compiler; never there. */
  readonly types?: (...args: Arguments) => Reply
}

/** The scripts in scripts/, each with a contract at its beginning. `npm run lint` checks that none is missing here or there. */
export const SCRIPT_NAMES = [
  'ack',
  'admit',
  'claim',
  'discard',
  'forget-processes',
  'heartbeat',
  'release',
  'remove-idle-consumers',
  'renew',
  'requeue',
  'reset-key',
  'restore',
  'settle',
  'wake',
  'write-key',
] as const

/** A group of scripts, each by its name and the files that make it up. */
export class ScriptGroup<Name extends string> {
  readonly #files: ReadonlyMap<Name, readonly URL[]>
  readonly #texts: ReadonlyMap<Name, string>

  /**
   * Reads the files at once, as the code around it is read: a process goes on with its own scripts while a new version is installed over it.
   * @throws Error where a file cannot be read
   */
  constructor(files: Iterable<readonly [Name, readonly URL[]]>) {
    this.#files = new Map(files)
    this.#texts = new Map([...this.#files].map(([name, urls]) => [name, textOf(urls)]))
  }

  /** Each script's name, and the files that it is made of. */
  get files(): ReadonlyMap<Name, readonly URL[]> {
    return this.#files
  }

  script<Arguments extends ArgumentList, Reply>(name: Name): Script<Arguments, Reply> {
    return { name, argumentNames: namesIn(this.#texts.get(name) ?? '') }
  }

  /** Makes the scripts known to a connection, once, before `run`. The client owns their SHA and sends a text again after NOSCRIPT. */
  define(redis: Connection): void {
    for (const [name, lua] of this.#texts) redis.defineCommand(commandOf(name), { lua })
  }
}

const INCLUDE = /^( *)--- @include "([\w-]+)"$/

/** A script that is run for each request has its arguments as plain text, and says in its contract what they are called. */
const ARGUMENT = /^--- @argument (\w+)/gm

/** The plugin's scripts. */
export const SCRIPTS = new ScriptGroup(
  SCRIPT_NAMES.map((name) => [name, [new URL(`./scripts/${name}.lua`, import.meta.url)]]),
)

/** One line of a script, and where it stands. */
export interface ScriptLine {
  readonly text: string
  readonly file: URL
  /** From 1. */
  readonly number: number
}

/**
 * The lines of a script. `--- @include "name"` stands for includes/name.lua beside it: at the beginning of a line it is a part of the whole
 * script and comes once, however often it is named; in a block it belongs to that block, so that Redis makes its functions only where
 * they are needed (it makes each function anew with each run).
 */
export function linesOf(files: readonly URL[]): ScriptLine[] {
  const included = new Set<string>()
  const read = (file: URL): ScriptLine[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((text, i) => {
        const [, indent, name] = INCLUDE.exec(text) ?? []
        if (name === undefined) return [{ text, file, number: i + 1 }]
        if (indent === '' && included.has(name)) return []
        if (indent === '') included.add(name)
        return read(new URL(`./includes/${name}.lua`, files[0]))
      })
  return withArguments(files.flatMap(read))
}

/** The line that makes locals of the arguments stands where the first of them is told. */
function withArguments(lines: ScriptLine[]): ScriptLine[] {
  const names = namesIn(lines.map(({ text }) => text).join('\n'))
  const first = lines.findIndex(({ text }) => text.startsWith('--- @argument '))
  const locals = `local ${names.join(', ')} = unpack(ARGV) -- luacheck: ignore 631`
  return lines.flatMap((line, i) => (i === first ? [line, { ...line, text: locals }] : [line]))
}

function textOf(files: readonly URL[]): string {
  return linesOf(files)
    .map(({ text }) => text)
    .join('\n')
}

function namesIn(text: string): string[] {
  return Array.from(text.matchAll(ARGUMENT), ([, name = '']) => name)
}

function commandOf(name: string): string {
  return `virtual-key:${name}`
}

type Runner = Record<string, (...keysAndArguments: Array<string | number>) => Promise<unknown>>

/**
 * Runs a script. An argument goes as JSON, from which the script reads by name: MessagePack would save Lua nothing and cost Node more. An
 * argument that is left out is an empty text. A script whose contract names arguments with `@argument` gets the members of one object by
 * these names, each as plain text, because decoding would cost Redis a microsecond or two for each request: what is absent is an empty text,
 * true is 1, and an object is JSON.
 * @throws whatever ioredis throws: ReplyError from Redis, or an Error of the connection.
 */
export function run<Arguments extends ArgumentList, Reply>(
  redis: Connection,
  script: Script<Arguments, Reply>,
  keys: readonly string[],
  ...args: Arguments
): Promise<Reply> {
  const command = (redis as unknown as Runner)[commandOf(script.name)]
  if (command === undefined) throw new Error(`script ${script.name} is not defined on this connection`)
  const { argumentNames } = script
  const [named] = args
  const texts =
    argumentNames.length === 0
      ? args.map((one) => (one === undefined ? '' : jsonOf(one)))
      : argumentNames.map((name) => plainText((named as Record<string, unknown>)[name]))
  return command.call(redis, keys.length, ...keys, ...texts) as Promise<Reply>
}

function plainText(value: unknown): string | number {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'object' && value !== null) return jsonOf(value)
  return value === true ? 1 : ''
}

/**
 * Half of a surrogate pair, such as the end of a text that was cut, becomes U+FFFD, as it does wherever text becomes UTF-8. JSON would
 * write it as an escape, with which Lua's decoder fails each time.
 */
function jsonOf(argument: object): string {
  const json = JSON.stringify(argument)
  if (!json.includes('\\ud')) return json
  return JSON.stringify(argument, (_, value) =>
    typeof value === 'string' ? Buffer.from(value).toString() : value,
  )
}
