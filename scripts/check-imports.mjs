/**
 * What imports what, type imports included: no circle, the direction of docs/architecture.md, no file name twice in the plugin, Redis names
 * in one file, and nothing at run time that `npm install` does not bring. Prints each violation on a line and ends with 1 if there is one.
 *
 * Usage: node scripts/check-imports.mjs [folder]      (this project if no folder is given)
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** Top-level folders: each may import itself and those after it. */
const ORDER = ['spec', 'dev', 'cli', 'migrations', 'plugins', 'schema']
/** Folders of the plugin: none may import one of an earlier row. */
const RANKS = [
  ['index.ts', 'server.ts'],
  ['process.ts', 'server'],
  ['admission', 'metering'],
  ['policy', 'registry', 'outbox', 'usage', 'request'],
  ['redis', 'telemetry'],
  ['pdk.ts', 'description.ts'],
]
const PLUGIN = 'plugins/virtual-key'
/** The one file that spells the names in Redis. */
const NAMES = `${PLUGIN}/redis/names.ts`
/** Folders that run where only `dependencies` are installed. */
const PUBLISHED = ['cli', 'migrations', 'plugins', 'schema']

/** @returns one sentence for each violation */
export function violations(root) {
  const files = sources(root)
  const found = []
  const imports = new Map()
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true)
    const specifiers = importedFiles.map(({ fileName }) => fileName)
    const own = specifiers.filter((name) => name.startsWith('.'))
    imports.set(file, new Set(own.map((name) => posix.join(dirname(file), name))))
    found.push(...uninstalled(root, file, specifiers))
  }
  for (const [file, targets] of imports) {
    for (const target of targets)
      if (isUphill(file, target)) found.push(`${file} imports ${target}, against the direction`)
  }
  for (const circle of circles(imports)) found.push(`circle: ${circle.join(' → ')}`)
  for (const pair of mutualFolders(imports)) found.push(`folders import each other: ${pair}`)
  return [...found, ...twins(files), ...strayNames(root, files)]
}

/** .ts and .lua files, as paths from the root with forward slashes. */
function sources(root) {
  return ORDER.filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|lua)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}

const topOf = (file) => file.split('/')[0]
/** The folder directly below the plugin, or a file that lies there itself; undefined outside the plugin. */
const roomOf = (file) =>
  file.startsWith(`${PLUGIN}/`) ? file.slice(PLUGIN.length + 1).split('/')[0] : undefined

function isUphill(from, to) {
  if (topOf(from) !== topOf(to)) return ORDER.indexOf(topOf(to)) < ORDER.indexOf(topOf(from))
  const [a, b] = [roomOf(from), roomOf(to)]
  if (a === undefined || b === undefined || a === b) return false
  return rankOf(b) < rankOf(a)
}

function rankOf(room) {
  const rank = RANKS.findIndex((row) => row.includes(room))
  if (rank < 0) throw new Error(`scripts/check-imports.mjs does not know the place of ${PLUGIN}/${room}`)
  return rank
}

/** Packages are imported by published code only if they are dependencies. */
function uninstalled(root, file, specifiers) {
  if (!PUBLISHED.includes(topOf(file))) return []
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return specifiers
    .filter((name) => !/^(\.|node:)/.test(name))
    .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
    .filter((name) => !(name in dependencies))
    .map((name) => `${file} imports ${name}, which is not among the dependencies`)
}

/** One shortest circle through each file that is on one, each circle once. */
function circles(imports) {
  const found = new Map()
  for (const start of imports.keys()) {
    const circle = shortestWay(imports, start)
    const members = circle && [...circle].sort().join(' ')
    if (circle && !found.has(members)) found.set(members, [...circle, start])
  }
  return found.values()
}

/** The files on a shortest way from `start` back to it. */
function shortestWay(imports, start) {
  const before = new Map()
  const queue = [start]
  for (const file of queue) {
    for (const target of imports.get(file) ?? []) {
      if (target === start) {
        const way = [file]
        while (way[0] !== start) way.unshift(before.get(way[0]))
        return way
      }
      if (before.has(target)) continue
      before.set(target, file)
      queue.push(target)
    }
  }
  return undefined
}

/** Folders of one row may import another of it, but not both ways. */
function mutualFolders(imports) {
  const pairs = new Set()
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const [a, b] = [roomOf(file), roomOf(target)]
      if (a !== undefined && b !== undefined && a !== b) pairs.add(`${a} ${b}`)
    }
  }
  return [...pairs].filter((pair) => {
    const [a, b] = pair.split(' ')
    return a < b && rankOf(a) === rankOf(b) && pairs.has(`${b} ${a}`)
  })
}

function twins(files) {
  const byName = new Map()
  for (const file of files.filter((name) => name.startsWith('plugins/'))) {
    byName.set(basename(file), [...(byName.get(basename(file)) ?? []), file])
  }
  return [...byName]
    .filter(([, all]) => all.length > 1)
    .map(([name, all]) => `${name} stands twice: ${all.join(', ')}`)
}

function strayNames(root, files) {
  return files
    .filter(
      (file) =>
        topOf(file) !== 'spec' && file !== NAMES && readFileSync(join(root, file), 'utf8').includes('vk:{'),
    )
    .map((file) => `${file} spells a name of Redis, which ${NAMES} does`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'))
  const found = violations(root)
  for (const line of found) process.stderr.write(`${line}\n`)
  process.exitCode = found.length > 0 ? 1 : 0
}
