import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/root.ts'

/** A fenced block of code on a page. */
export interface Block {
  readonly page: string
  /** Of its opening fence, counted from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  /** The HTML comment on the line before it, without its brackets; '' = none. */
  readonly mark: string
  /** The text block that follows it with nothing but an empty line between: what it prints. */
  readonly prints?: string
}

/** Every page for readers, as paths from the project's root. */
export const PAGES: readonly string[] = [
  ...readdirSync(ROOT),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
]
  .filter((name) => name.endsWith('.md'))
  .sort()

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

/** @throws Error where a fence is not closed */
export function blocksOf(page: string, text = readPage(page)): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  let previousEnd = -1
  for (let at = 0; at < lines.length; at++) {
    const [, indent = '', language] = /^( *)```(.*)$/.exec(lines[at] ?? '') ?? []
    if (language === undefined) continue
    const end = lines.indexOf(`${indent}\`\`\``, at + 1)
    if (end < 0) throw new Error(`${page}:${at + 1}: the fence is not closed`)
    const [, mark = ''] = /^<!-- (.*) -->$/.exec(lines[at - 1]?.trim() ?? '') ?? []
    const inside = lines.slice(at + 1, end).map((line) => line.slice(indent.length))
    const block = { page, line: at + 1, language, text: inside.join('\n'), mark }
    const before = blocks.at(-1)
    if (before !== undefined && language === 'text' && previousEnd === at - 2 && lines[at - 1] === '')
      blocks[blocks.length - 1] = { ...before, prints: block.text }
    blocks.push(block)
    at = end
    previousEnd = end
  }
  return blocks
}

/** The page without its blocks of code. */
export function proseOf(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, '')
}
