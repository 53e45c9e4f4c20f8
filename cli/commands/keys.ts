import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { addKeysCreate } from './keys-create.ts'
import { addKeysDelete } from './keys-delete.ts'
import { addKeysImport } from './keys-import.ts'
import { addKeysList } from './keys-list.ts'
import { addKeysRotate } from './keys-rotate.ts'
import { addKeysUpdate } from './keys-update.ts'

/** `vk keys`: the registry, where a key's own settings win over the plugin's configuration. */
export function addKeys(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('virtual keys and their settings')
  addKeysList(keys, context)
  addKeysUpdate(keys, context)
  addKeysImport(keys, context)
  addKeysCreate(keys, context)
  addKeysRotate(keys, context)
  addKeysDelete(keys, context)
}
