import { type Command, Option } from 'commander'
import { type AdminOptions, withAdmin } from './admin-connection.ts'
import type { ProvisioningOptions } from './provisioning.ts'

/** The options of every command that plans first. */
export function withProvisioning(command: Command): Command {
  return withAdmin(command)
    .option('--dry-run', 'prints the plan and changes nothing')
    .option('--json', 'prints one JSON object')
}

/** The options that say whether a key's settings are in the registry. @param without what `--no-registry` does instead */
export function withRegistryChoice(command: Command, without: string): Command {
  return command
    .addOption(new Option('--registry', "uses the registry, even where the plugin's configuration does not"))
    .addOption(
      new Option('--no-registry', `${without}, even where the plugin's configuration uses the registry`),
    )
}

export type Provisioning = AdminOptions & ProvisioningOptions
/** undefined: the plugin's configuration in Kong decides. */
export interface RegistryChoice {
  readonly registry?: boolean
}
