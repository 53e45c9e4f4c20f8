import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Option } from 'commander'
import { contextOf, type Io } from '../cli/context.ts'
import { REDIS_OPTIONS } from '../cli/options/connection.ts'
import { VariableOption } from '../cli/options/environment.ts'
import { commands } from '../cli/program.ts'
import { ADMIN_OPTIONS } from '../cli/provisioning/admin-options.ts'

const BEGIN = '<!-- commands: generated from cli/ by `npm run docs` -->'
const END = '<!-- /commands -->'

/** Options that many commands have: described once, by the heading that they stand under in the help. */
const COMMON: ReadonlyMap<string, string> = new Map([
  [REDIS_OPTIONS, 'for Redis'],
  [ADMIN_OPTIONS, "for Kong's Admin API"],
])

/** Every command with its arguments and options, in Markdown. */
export function commandReference(): string {
  const leaves = leavesOf(programWithoutProcess())
  const common = [...COMMON].map(([heading, title]) => {
    const command = leaves.find((leaf) => leaf.options.some((one) => one.helpGroupHeading === heading))
    const options = command?.options.filter((one) => !one.hidden && one.helpGroupHeading === heading) ?? []
    return `## Options ${title}\n\n${tableOf(options.map(optionRow))}`
  })
  return [...common, '## Commands', ...leaves.map(sectionOf)].join('\n\n')
}

/** The text with a new reference. @throws Error if the markers are missing */
export function withCommandReference(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/commands.md has no ${BEGIN} … ${END}`)
  return `${text.slice(0, begin + BEGIN.length)}\n\n${commandReference()}\n\n${text.slice(end)}`
}

/** The program as for a run, which does not happen. */
function programWithoutProcess(): Command {
  const nowhere = { write: () => undefined }
  const io: Io = {
    stdin: (async function* () {})(),
    stdout: nowhere,
    stderr: nowhere,
    env: {},
    stopSignal: () => AbortSignal.abort(),
  }
  return commands(contextOf(io, []), io)
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

function sectionOf(command: Command): string {
  const name = nameOf(command)
  const usage = command.registeredArguments.map((one) =>
    one.required ? ` <${one.name()}>` : ` [${one.name()}]`,
  )
  const own = command.options.filter((one) => !one.hidden && !COMMON.has(one.helpGroupHeading ?? ''))
  const headings = new Set(command.options.map((one) => one.helpGroupHeading ?? ''))
  const links = [...COMMON]
    .filter(([heading]) => headings.has(heading))
    .map(([, title]) => `[options ${title}](#${anchorOf(`options ${title}`)})`)
  const rows = [
    ...command.registeredArguments.map((one) => [`\`${one.name()}\``, escaped(one.description), '']),
    ...own.map(optionRow),
  ]
  return [
    `### \`${name}${usage.join('')}\``,
    `${sentence(command.description())}`,
    ...(rows.length === 0 ? [] : [tableOf(rows)]),
    ...(links.length === 0 ? [] : [`It also takes the ${links.join(' and the ')}.`]),
  ].join('\n\n')
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

function optionRow(option: Option): string[] {
  const { argChoices, defaultValue, defaultValueDescription } = option
  const choices = argChoices === undefined ? '' : ` (${argChoices.map((one) => `\`${one}\``).join(', ')})`
  const shown =
    option.negate || defaultValue === undefined ? '' : (defaultValueDescription ?? `\`${defaultValue}\``)
  const variable = option instanceof VariableOption ? `\`${option.variable}\`` : ''
  return [
    `\`${escaped(option.flags)}\``,
    escaped(`${option.description}${choices}`),
    [shown, variable].filter(Boolean).join(', '),
  ]
}

function tableOf(rows: ReadonlyArray<readonly string[]>): string {
  const lines = [['argument or option', 'meaning', 'default, variable'], ['---', '---', '---'], ...rows]
  return lines.map((cells) => `| ${cells.join(' | ').trimEnd()} |`).join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|')
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')
}

if (process.argv[1] === import.meta.filename) {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'commands.md')
  writeFileSync(file, withCommandReference(readFileSync(file, 'utf8')))
}
