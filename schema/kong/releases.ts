/**
 * The open-source line of Kong that is maintained, and its newest patch. 3.9.2 (June 2026) and 3.9.3 bring nginx's security patches,
 * in the images too. Source: Kong/docker-kong#738, #740, #743; docker-library/official-images#21601.
 */
const MAINTAINED = { line: [3, 9], newestPatch: 3 } as const

/** The oldest major version whose protocol for plugin servers is that of this plugin. */
const OLDEST_MAJOR = 3

/**
 * The state of a version of Kong. `old`: it gets no patches any more; `holes`: it lacks security patches that exist;
 * `unknown`: it is newer than any version with which this version of the plugin was tested.
 */
export type ReleaseState = 'unusable' | 'old' | 'holes' | 'current' | 'unknown'

/** @param version as Kong reports it: `3.9.1`, or `3.10.0.1-enterprise-edition` */
export function releaseState(version: string): ReleaseState {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number)
  const [line, branch] = MAINTAINED.line
  if (!(major >= OLDEST_MAJOR)) return 'unusable'
  // Enterprise has patches of its own, of four numbers, for older lines too.
  if (/enterprise/.test(version)) return 'current'
  if (major < line || (major === line && minor < branch)) return 'old'
  if (major > line || minor > branch) return 'unknown'
  return patch < MAINTAINED.newestPatch ? 'holes' : 'current'
}

/** `3.9.3`. */
export function newestVersion(): string {
  return [...MAINTAINED.line, MAINTAINED.newestPatch].join('.')
}
