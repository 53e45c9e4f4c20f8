/**
 * The Lua of the repository. `node scripts/lua.mjs` checks it: each script is listed, its format is StyLua's, and luacheck has nothing to say of it,
 * its includes put in. `node scripts/lua.mjs --write` formats it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const FOLDERS = ['plugins/virtual-key/redis/scripts', 'migrations/scripts', 'migrations/steps']

/** The groups of scripts, as the compiled code knows them: build first. */
async function groups() {
  const compiled = (path) => import(pathToFileURL(join(ROOT, 'dist', path)).href)
  const { SCRIPTS, linesOf } = await compiled('plugins/virtual-key/redis/script.js')
  const { MIGRATION_SCRIPTS } = await compiled('migrations/scripts.js')
  return { scripts: [...SCRIPTS.files, ...MIGRATION_SCRIPTS.files], linesOf }
}

function sources() {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name)),
  )
    .filter((file) => file.endsWith('.lua'))
    .sort()
}

/** Scripts without a file, and files that belong to no script. */
export async function unlisted() {
  const { scripts, linesOf } = await groups()
  const files = new Set(sources())
  const used = new Set()
  const problems = []
  for (const [name, urls] of scripts) {
    try {
      for (const { file } of linesOf(urls)) used.add(relative(join(ROOT, 'dist'), fileURLToPath(file)))
    } catch (error) {
      problems.push(`script ${name}: ${error.message}`)
    }
  }
  for (const file of files)
    if (!used.has(file))
      problems.push(`${file} belongs to no script: list it in redis/script.ts, or include it`)
  return problems
}

async function format(write) {
  const stylua = await import('@johnnymorganz/stylua')
  const { Config, IndentType, LuaVersion, OutputVerification, QuoteStyle, formatCode } = stylua
  const problems = []
  for (const file of sources()) {
    const config = Config.new()
    config.syntax = LuaVersion.Lua51
    config.column_width = 120
    config.indent_type = IndentType.Spaces
    config.indent_width = 2
    config.quote_style = QuoteStyle.AutoPreferSingle
    const code = readFileSync(join(ROOT, file), 'utf8')
    const formatted = formatCode(code, config, undefined, OutputVerification.None)
    if (formatted === code) continue
    if (write) writeFileSync(join(ROOT, file), formatted)
    else problems.push(`${file} is not formatted: npm run format`)
  }
  return problems
}

/** Installs a missing tool if the user is root, as the specs do with redis-server. */
function luacheck() {
  if (spawnSync('luacheck', ['--version']).status === 0) return
  if (process.getuid?.() !== 0)
    throw new Error('luacheck is missing: apt-get install lua-check, or luarocks install luacheck')
  execFileSync('apt-get', ['update'], { stdio: 'ignore' })
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'lua-check'], { stdio: 'ignore' })
}

/**
 * What luacheck reports about the whole scripts. A report about an include counts only if every script with it has it, because not every
 * script uses all of an include.
 */
async function check() {
  luacheck()
  const { scripts, linesOf } = await groups()
  const told = new Map()
  const included = new Map()
  for (const [name, urls] of scripts) {
    const lines = linesOf(urls)
    for (const file of new Set(lines.map(({ file }) => file.href)))
      included.set(file, (included.get(file) ?? 0) + 1)
    const code = lines.map(({ text }) => text).join('\n')
    const { stdout, error } = spawnSync(
      'luacheck',
      ['-', '--config', join(ROOT, '.luacheckrc'), '--formatter', 'plain', '--codes'],
      {
        input: code,
        encoding: 'utf8',
      },
    )
    if (error) throw error
    for (const [, number, text] of stdout.matchAll(/^stdin:(\d+):\d+: (.*)$/gm)) {
      const { file, number: line } = lines[number - 1]
      const key = `${relative(join(ROOT, 'dist'), fileURLToPath(file))}:${line}: ${text.replace(/ on line \d+/, '')}`
      const seen = told.get(key) ?? { file: file.href, scripts: new Set() }
      seen.scripts.add(name)
      told.set(key, seen)
    }
  }
  return [...told]
    .filter(([, { file, scripts }]) => scripts.size === included.get(file))
    .map(([text]) => text)
}

if (basename(process.argv[1] ?? '') === 'lua.mjs') {
  const write = process.argv.includes('--write')
  const problems = write
    ? await format(true)
    : [...(await unlisted()), ...(await format(false)), ...(await check())]
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
