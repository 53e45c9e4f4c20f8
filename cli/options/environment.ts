import { type Command, Help, Option } from 'commander'

/** An option that an environment variable says as well. Commander's own `.env()` reads the process's, and not the run's. */
export class VariableOption extends Option {
  readonly variable: string

  constructor(flags: string, description: string, variable: string) {
    super(flags, description)
    this.variable = variable
  }
}

/** Gives the options of a command that were not named among the arguments the values of their variables. */
export function takeFromEnvironment(
  command: Command,
  env: Readonly<Record<string, string | undefined>>,
): void {
  for (const option of command.options) {
    const value = option instanceof VariableOption ? env[option.variable] : undefined
    const name = option.attributeName()
    if (value !== undefined && command.getOptionValueSource(name) !== 'cli')
      command.setOptionValueWithSource(name, value, 'env')
  }
}

/** What help says of an option: as commander does it for a variable of its own. */
export function withVariable(option: Option): string {
  const shown =
    option instanceof VariableOption ? Object.create(option, { envVar: { value: option.variable } }) : option
  return new Help().optionDescription(shown)
}
