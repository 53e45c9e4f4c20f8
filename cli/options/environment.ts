import { type Command, Help, Option } from 'commander'

/** An option that an environment variable can set too. Commander's own `.env()` reads process.env instead of the run's environment. */
export class VariableOption extends Option {
  readonly variable: string

  constructor(flags: string, description: string, variable: string) {
    super(flags, description)
    this.variable = variable
  }
}

/** Sets the options that the arguments do not name from their environment variables. */
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

/** The description of an option in the help, with its variable as commander writes it for `.env()`. */
export function withVariable(option: Option): string {
  const shown =
    option instanceof VariableOption ? Object.create(option, { envVar: { value: option.variable } }) : option
  return new Help().optionDescription(shown)
}
