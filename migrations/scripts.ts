import { ScriptGroup } from '../plugins/virtual-key/redis/script.ts'
import { STEPS } from './index.ts'

/** The scripts of the migrations. Only connections on which they have been defined can run them. */
export const MIGRATION_SCRIPTS = new ScriptGroup<string>([
  ...['mark', 'release-lock', 'renew-lock', 'scan'].map(
    (name) => [`migrate-${name}`, [file('scripts', name)]] as const,
  ),
  ...STEPS.flatMap(({ name }) =>
    ['apply', 'count'].map(
      (what) => [`migrate-${what}-${name}`, [file('steps', name), file('scripts', what)]] as const,
    ),
  ),
])

function file(folder: string, name: string): URL {
  return new URL(`./${folder}/${name}.lua`, import.meta.url)
}
