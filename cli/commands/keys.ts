import type { Command } from 'commander'
import type { Log } from '../../plugins/virtual-key/telemetry/log.ts'
import { addKeysCreate } from './keys-create.ts'
import { addKeysDelete } from './keys-delete.ts'
import { addKeysImport } from './keys-import.ts'
import { addKeysList } from './keys-list.ts'
import { addKeysRotate } from './keys-rotate.ts'
import { addKeysUpdate } from './keys-update.ts'

/** `vk keys`: the registry, where a key's own settings win over the plugin's configuration. */
export function addKeys(program: Command, log: Log, print: (text: string) => void): void {
  const keys = program.command('keys').description('virtual keys and their settings')
  addKeysList(keys, log, print)
  addKeysUpdate(keys, log, print)
  addKeysImport(keys, log, print)
  addKeysCreate(keys, log, print)
  addKeysRotate(keys, log, print)
  addKeysDelete(keys, log, print)
}
