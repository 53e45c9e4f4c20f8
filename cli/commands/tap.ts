import { type Command, InvalidArgumentError } from 'commander'
import { tapLua } from '../../plugins/virtual-key/metering/tap/lua.ts'
import type { CommandContext } from '../context.ts'

/** Indentation of a route's plugins in a kong.yml that indents by two. Unit: columns. */
const INDENT = 10

/**
 * The tap as an entry of a route's `plugins` in kong.yml.
 * @param indent columns before the entry
 */
export function tapLines(indent = INDENT): string {
  const lines = ['- name: post-function # the tap, as `vk tap` prints it', '  config:']
  for (const [phase, lua] of Object.entries(tapLua)) {
    lines.push(`    ${phase}:`, '      - |')
    for (const line of lua.trim().split('\n')) lines.push(line === '' ? '' : `        ${line}`)
  }
  return lines.map((line) => (line === '' ? '\n' : `${' '.repeat(indent)}${line}\n`)).join('')
}

export function addTap(vk: Command, context: CommandContext): void {
  vk.command('tap')
    .description('prints the post-function that a route with `body: tapped` needs beside virtual-key')
    .option('--indent <columns>', 'number of spaces before each line', columns, INDENT)
    .action(({ indent }: { indent: number }) => context.print(tapLines(indent).trimEnd()))
}

function columns(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('not a number of columns from 0 to 99')
}
