import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { parse, stringify } from 'yaml'
import { loadDeclaration } from '../../dev/gateway/declarative.ts'
import { EntityStore } from '../../dev/gateway/entity-store.ts'
import { INSTALLED } from '../support/admin-api.ts'
import { ROOT } from '../support/root.ts'
import { vk } from '../support/vk.ts'
import { type Block, blocksOf, PAGES, proseOf, readPage } from './pages.ts'
import { Reader } from './reader.ts'

/** What a fenced block may be: a shell block is run or says why not, the others are checked below or are what a program prints. */
const LANGUAGES = [
  'sh',
  'yaml',
  'json',
  'js',
  'python',
  'go',
  'sql',
  'ini',
  'http',
  'text',
  'ts',
  'lua',
  'mermaid',
]

/** How a shell block says what becomes of it: nothing = it is run here. */
const MARKS = {
  notRun: /^not run: \S.*/,
  elsewhere: /^run by (spec\/\S+\.spec\.ts)\b/,
  ends: /^ends with (\d+): \S.*/,
} as const

/** Plugins of Kong that stand on the pages and that the double does not have. */
const texts = { type: 'array', elements: { type: 'string' } } as const
const headers = { type: 'record', fields: { headers: texts } } as const
const OTHERS = {
  'request-transformer': { version: '3.9.1', priority: 801, fields: { remove: headers, add: headers } },
  'pre-function': { version: '3.9.1', priority: 1_000_000, fields: { access: texts } },
} as const
const store = () => new EntityStore({ plugins: { ...INSTALLED, ...OTHERS } })

const shellBlocks = (page: string) => blocksOf(page).filter(({ language }) => language === 'sh')
/** Without the lines in which an import that takes more than a second tells how far it is. */
const trimmed = (text: string) => text.replace(/^\S+: \d+ rows\n| +$/gm, '').trim()
const runHere = ({ mark }: Block) => !MARKS.notRun.test(mark) && !MARKS.elsewhere.test(mark)

describe('Commands on pages for readers', function () {
  this.timeout(120_000)

  for (const page of PAGES) {
    it(`${page}: each block has a language, and each shell block is run or says why not`, () => {
      const blocks = blocksOf(page)
      expect(blocks.filter(({ language }) => !LANGUAGES.includes(language))).to.deep.equal([])
      // A block that is only indented would hide from this spec.
      expect(proseOf(readPage(page)).match(/(?<=\n\n) {4}\S.*/g)).to.equal(null)
      for (const { mark, line } of shellBlocks(page)) {
        if (mark === '' || MARKS.notRun.test(mark) || MARKS.ends.test(mark)) continue
        const [, spec = ''] = MARKS.elsewhere.exec(mark) ?? []
        expect(spec !== '' && existsSync(join(ROOT, spec)), `${page}:${line}: ${mark}`).to.equal(true)
      }
    })

    const blocks = shellBlocks(page).filter(runHere)
    if (blocks.length === 0) continue
    describe(`of ${page}`, () => {
      let reader: Reader

      before(async () => {
        reader = await Reader.start(page)
      })
      after(() => reader?.stop())

      for (const block of blocks)
        it(`line ${block.line}: ${block.text.split('\n')[0]}`, async () => {
          const [, code = '0'] = MARKS.ends.exec(block.mark) ?? []
          const ended = await reader.type(block.text)
          expect(ended.code, ended.output).to.equal(Number(code))
          expect(ended.output).not.to.match(/command not found|No such file/)
          if (block.prints !== undefined) expect(trimmed(ended.output)).to.equal(trimmed(block.prints))
        })
    })
  }

  it('JSON on them can be read', () => {
    for (const { language, text } of PAGES.flatMap((page) => blocksOf(page)))
      if (language === 'json') expect(() => JSON.parse(text), text).not.to.throw()
  })

  for (const { page, line, text } of PAGES.flatMap((one) => blocksOf(one)).filter(
    ({ language }) => language === 'yaml',
  ))
    it(`the YAML of ${page}, line ${line}, is what Kong takes`, () => {
      const value = parse(text)
      if (value.kind === 'KongPlugin')
        loadDeclaration(
          stringify({
            _format_version: '3.0',
            plugins: [{ name: value.plugin, config: value.config }],
          }),
          store(),
        )
      else if (value._format_version !== undefined) loadDeclaration(text, store())
      else expect(value).to.be.an('object')
    })

  it('each command and option of vk that the text names is there', async () => {
    const unknown: string[] = []
    for (const page of PAGES)
      for (const [, words = ''] of proseOf(readPage(page)).matchAll(/`vk ([^`]+)`/g)) {
        const [, path = ''] = /^((?:[a-z]+(?: |$))*)/.exec(words) ?? []
        const { stdout } = await vk([...path.trim().split(' ').slice(0, 2).filter(Boolean), '--help'])
        const [usage = ''] = stdout.split('\n')
        const options = words.match(/--[a-z-]+/g) ?? []
        const command = path.trim().split(' ').filter(Boolean)
        const there = command.length === 0 || usage.startsWith(`Usage: vk ${command.slice(0, 2).join(' ')}`)
        if (!there || options.some((option) => !stdout.includes(option))) unknown.push(`${page}: vk ${words}`)
      }
    expect(unknown).to.deep.equal([])
  })

  it('shell on them is what a shell understands, whether it is run or not', async () => {
    for (const { page, line, text } of PAGES.flatMap(shellBlocks)) {
      const parsed = await promisify(execFile)('bash', ['-n', '-c', text]).then(
        () => '',
        ({ stderr }: { stderr: string }) => stderr,
      )
      expect(parsed, `${page}:${line}`).to.equal('')
    }
  })
})
