import { type Command, Option } from 'commander'
import { Agent } from 'undici'
import type { CommandContext } from '../context.ts'
import { Failure } from '../failure.ts'
import { VariableOption } from '../options/environment.ts'
import { hasCredentials } from '../options/webhook-url.ts'
import { json } from '../output/text.ts'
import { AdminApi } from './admin-api.ts'
import type { ProvisioningOptions } from './execute.ts'

export interface AdminOptions {
  readonly adminUrl?: string
  readonly adminToken?: string
  readonly adminTokenHeader: string
}

export const ADMIN_OPTIONS = "Kong's Admin API:"

/** The options by which a command finds Kong's Admin API, under a heading of their own in its help. */
export function withAdmin(command: Command): Command {
  command.optionsGroup(ADMIN_OPTIONS)
  command
    .addOption(
      new VariableOption(
        '--admin-url <url>',
        "where Kong's Admin API is, such as http://127.0.0.1:8001",
        'KONG_ADMIN_URL',
      ),
    )
    .addOption(new VariableOption('--admin-token <token>', '', 'KONG_ADMIN_TOKEN').hideHelp())
    .addOption(
      new VariableOption(
        '--admin-token-header <name>',
        'name of the header that carries the token; the token is taken from KONG_ADMIN_TOKEN only',
        'KONG_ADMIN_TOKEN_HEADER',
      ).default('Kong-Admin-Token'),
    )
  return command.optionsGroup('Options:')
}

/** @returns undefined if no Admin API is named @throws Failure for an invalid URL, or one with credentials */
export function adminFrom(
  { adminUrl, adminToken = '', adminTokenHeader }: AdminOptions,
  { env, atEnd }: Pick<CommandContext, 'env' | 'atEnd'>,
): AdminApi | undefined {
  if (adminUrl === undefined || adminUrl === '') return undefined
  const url = URL.canParse(adminUrl) ? new URL(adminUrl) : undefined
  const wrong = url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== ''
  if (wrong) {
    throw new Failure("the Admin API's URL does not look like http://host:port", 2)
  }
  if (hasCredentials(adminUrl)) {
    throw new Failure("credentials do not belong into the Admin API's URL: set KONG_ADMIN_TOKEN", 2)
  }
  if (adminToken !== '' && adminToken !== env.KONG_ADMIN_TOKEN)
    throw new Failure('a token does not belong among the arguments: set KONG_ADMIN_TOKEN', 2)
  if (!/^[\x20-\x7e]*$/.test(adminToken))
    throw new Failure(`KONG_ADMIN_TOKEN: no header can carry its ${adminToken.length} characters`, 2)
  if (!/^[\w-]+$/.test(adminTokenHeader))
    throw new Failure(`--admin-token-header: ${json(adminTokenHeader)} is the name of no header`, 2)
  const dispatcher = new Agent()
  // Requests under way must not keep the command from ending.
  atEnd(() => dispatcher.destroy())
  return new AdminApi({
    url: adminUrl,
    dispatcher,
    tokenHeader: adminTokenHeader,
    ...(adminToken === '' ? {} : { token: adminToken }),
  })
}

/** The options of every command that makes a plan first. */
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
/** @returns undefined if the plugin's configuration in Kong decides */
export interface RegistryChoice {
  readonly registry?: boolean
}
