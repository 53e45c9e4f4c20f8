import { json } from '../output/text.ts'

/**
 * One item of a list, as lines of YAML. Texts are written as JSON, which YAML 1.2 reads as it is; so no text can become a number, a
 * comment or a tag.
 * @param indent spaces before the dash
 */
export function yamlItem(value: Readonly<Record<string, unknown>>, indent: number): string[] {
  return mapping(value, indent + 2).map((line, i) =>
    i === 0 ? `${' '.repeat(indent)}- ${line.trimStart()}` : line,
  )
}

function mapping(value: Readonly<Record<string, unknown>>, indent: number): string[] {
  const margin = ' '.repeat(indent)
  return Object.entries(value).flatMap(([name, one]) => {
    if (Array.isArray(one) && one.length > 0 && one.every(isMapping))
      return [`${margin}${name}:`, ...one.flatMap((inner) => yamlItem(inner, indent + 2))]
    if (isMapping(one)) return [`${margin}${name}:`, ...mapping(one, indent + 2)]
    return [`${margin}${name}: ${json(one)}`]
  })
}

/** An empty one is written as JSON too. */
function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
}
