/**
 * Transpiles every source into dist/, one file to one file, and copies the Lua. Takes a second and does not check types, which `npm run
 * typecheck` does. A file that would not change is not written, so a build may run while specs of the same checkout run.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build as esbuild } from 'esbuild'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const DIST = join(ROOT, 'dist')
export const FOLDERS = ['schema', 'plugins', 'migrations', 'cli', 'dev', 'spec']
/** Deno runs its specs from the sources; declarations leave nothing to run. */
const NOT_COMPILED = /^spec\/deno\/|\.d\.ts$/

/**
 * An import becomes one of the compiled file. esbuild does that itself only where it bundles, and then every constant of a module becomes a
 * variable, which V8 does not fold: loops over bytes take half as long again.
 */
const compiledImports = {
  name: 'compiled imports',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(RELATIVE_IMPORT, '$1.js$2'),
      loader: 'ts',
    })),
}
const RELATIVE_IMPORT = /^((?:import|export|\}|.*\bawait import\().*'\.\.?\/[^']*)\.ts(')/gm

export async function build() {
  const { type = 'commonjs' } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { outputFiles } = await esbuild({
    absWorkingDir: ROOT,
    entryPoints: sources('.ts').filter((file) => !NOT_COMPILED.test(file)),
    outbase: ROOT,
    outdir: DIST,
    plugins: [compiledImports],
    format: type === 'module' ? 'esm' : 'cjs',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    sourcesContent: false,
    write: false,
    logLevel: 'error',
  })
  const made = new Map(outputFiles.map(({ path, contents }) => [path, contents]))
  for (const file of sources('.lua')) made.set(join(DIST, file), readFileSync(join(ROOT, file)))
  mkdirSync(DIST, { recursive: true })
  const before = new Set(filesBelow(DIST))
  for (const [file, contents] of made) {
    if (before.has(file) && readFileSync(file).equals(contents)) continue
    mkdirSync(dirname(file), { recursive: true })
    // A process that reads the file meanwhile sees the old one or the new one, never a part.
    writeFileSync(`${file}.new`, contents)
    renameSync(`${file}.new`, file)
  }
  for (const file of before) if (!made.has(file)) rmSync(file, { force: true })
}

/** Paths from the root. */
export function sources(extension) {
  return FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)))
    .filter((file) => file.endsWith(extension))
    .map((file) => relative(ROOT, file))
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build()
  const { unlisted } = await import('./lua.mjs')
  for (const problem of await unlisted()) {
    process.stderr.write(`${problem}\n`)
    process.exitCode = 1
  }
}
