import { LONGEST_ID, usable } from '../../plugins/virtual-key/request/identity.ts'
import { Failure } from '../failure.ts'

/** Why the plugin would never count under this id, so that no command makes a key of that name; undefined: it would. */
export function unusableId(id: string): string | undefined {
  if (id === '') return 'it is empty'
  // Redis would take half a character for another one, and two ids for the same.
  if (/\p{Cs}/u.test(id)) return 'it holds half a character'
  if (usable(id) === undefined)
    return `its ${id.length} characters are more than the ${LONGEST_ID} of a key id`
  return undefined
}

/** @throws Failure with exit code 2 for an id that names no key */
export function checkId(id: string): void {
  const problem = unusableId(id)
  if (problem !== undefined) throw new Failure(`the key id cannot be used: ${problem}`, 2)
}
