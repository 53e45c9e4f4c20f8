import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../support/root.ts'
import { PAGES, proseOf, readPage } from './pages.ts'

/** Links and pictures of Markdown, whose targets are no URLs. */
function linksOf(text: string): string[] {
  const targets = [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

/** The anchors that GitHub makes of the headings of a page. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(text).matchAll(/^#+ (.+)$/gm)) {
    const base = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    let anchor = base
    for (let again = 1; anchors.has(anchor); again++) anchor = `${base}-${again}`
    anchors.add(anchor)
  }
  return anchors
}

describe('Links between pages', () => {
  for (const page of PAGES)
    it(`of ${page} lead somewhere`, () => {
      const broken = linksOf(readPage(page)).filter((link) => {
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? page : normalize(join(dirname(page), path))
        if (!existsSync(join(ROOT, target))) return true
        return anchor !== undefined && !anchorsOf(readPage(target)).has(anchor)
      })
      expect(broken).to.deep.equal([])
    })

  it('files and folders of the project that the text names are there', () => {
    const missing = PAGES.flatMap((page) =>
      [
        ...proseOf(readPage(page)).matchAll(
          /`((?:cli|dev|docs|migrations|plugins|schema|spec|scripts)\/[\w./-]*)`/g,
        ),
      ]
        .filter(([, path = '']) => !existsSync(join(ROOT, path)))
        .map(([, path]) => `${page}: ${path}`),
    )
    expect(missing).to.deep.equal([])
  })

  it('each script of npm that a page names is there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const named = PAGES.flatMap((page) => [...readPage(page).matchAll(/npm run (?:-s )?([\w:]+)/g)])
    expect(named.map(([, name = '']) => name).filter((name) => !Object.hasOwn(scripts, name))).to.deep.equal(
      [],
    )
  })

  it('each decision of docs/architecture.md is read in at most six files', () => {
    const [, part = ''] =
      /## The three decisions\n([\s\S]*?)\n## /.exec(readPage('docs/architecture.md')) ?? []
    const lists = part.split('\n### ').slice(1)
    expect(lists).to.have.length(3)
    for (const list of lists) expect(list.match(/^\d\. \[/gm)).to.have.length.within(1, 6)
  })

  it('would be found broken', () => {
    expect(linksOf('[a](b.md#c) ![d](e.svg) [f](https://g.example)')).to.deep.equal(['b.md#c', 'e.svg'])
    expect([...anchorsOf("# A\n## What Kong's `log` says\n## A\n")]).to.deep.equal([
      'a',
      'what-kongs-log-says',
      'a-1',
    ])
  })
})
