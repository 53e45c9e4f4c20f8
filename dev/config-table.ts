import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { config } from '../schema/config.ts'
import type { Field, Fields } from '../schema/fields.ts'

const BEGIN = '<!-- configuration: generated from schema/config.ts by `npm run docs` -->'
const END = '<!-- /configuration -->'

/** The table of configuration fields in docs/configuration.md, in Markdown. */
export function configTable(): string {
  const rows = rowsOf(config).map((cells) => `| ${cells.join(' | ')} |`)
  return ['| field | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** The text with a new table. @throws Error if the markers are missing */
export function withConfigTable(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/configuration.md has no ${BEGIN} … ${END}`)
  return `${text.slice(0, begin + BEGIN.length)}\n\n${configTable()}\n\n${text.slice(end)}`
}

function rowsOf(fields: Fields, path = ''): string[][] {
  return Object.entries(fields).flatMap(([name, field]) => {
    if (field.type === 'record') return rowsOf(field.fields, `${path}${name}.`)
    const value =
      'default' in field && field.default !== undefined ? `\`${JSON.stringify(field.default)}\`` : ''
    return [[`\`${path}${name}\``, typeOf(field), value, field.description.replaceAll('|', '\\|')]]
  })
}

function typeOf(field: Field | (Field & { type: 'array' })['elements']): string {
  if (field.type === 'array') return `array of ${typeOf(field.elements)}`
  if (field.type === 'record') return `{${Object.keys(field.fields).join(', ')}}`
  if (field.type === 'string' && field.one_of) return field.one_of.join(', ')
  if (field.type === 'integer' && field.between && field.between[1] < Number.MAX_SAFE_INTEGER) {
    return `integer ${field.between.join(' to ')}`
  }
  return field.type
}

if (process.argv[1] === import.meta.filename) {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'configuration.md')
  writeFileSync(file, withConfigTable(readFileSync(file, 'utf8')))
}
