import { build as esbuild } from 'esbuild'
import { ROOT, sources } from './build.mjs'

/** Each spec file with all sources that it imports, directly or not: paths from the root. */
export async function specFiles() {
  const { metafile } = await esbuild({
    absWorkingDir: ROOT,
    entryPoints: sources('.spec.ts'),
    outdir: 'dist',
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  const importsOf = (file) => metafile.inputs[file]?.imports.map(({ path }) => path) ?? []
  return new Map(
    sources('.spec.ts').map((spec) => {
      const reached = new Set([spec])
      for (const file of reached) for (const path of importsOf(file)) reached.add(path)
      return [spec, reached]
    }),
  )
}

/** Whether a spec can start a process: of Redis, of a gateway, of the command. */
export const startsProcesses = (reached) => reached.has('node:child_process')
