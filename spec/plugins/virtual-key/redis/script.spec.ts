import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { MIGRATION_SCRIPTS } from '../../../../migrations/scripts.ts'
import { linesOf, run, SCRIPTS, ScriptGroup } from '../../../../plugins/virtual-key/redis/script.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { ROOT } from '../../../support/root.ts'

/** Where the code that runs finds its Lua: beside the compiled files. */
const DIST = join(ROOT, 'dist')

describe('Scripts', () => {
  const scripts = [...SCRIPTS.files, ...MIGRATION_SCRIPTS.files]

  it('are made of all the Lua that there is, and of nothing else', () => {
    const used = new Set(
      scripts.flatMap(([, files]) => linesOf(files).map(({ file }) => relative(DIST, fileURLToPath(file)))),
    )
    const folders = ['plugins/virtual-key/redis/scripts', 'migrations/scripts', 'migrations/steps']
    const found = folders.flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true })
        .map((name) => join(folder, String(name)))
        .filter((file) => file.endsWith('.lua')),
    )
    expect([...used].sort()).to.deep.equal(found.sort())
  })

  it('begin with their contract', () => {
    for (const [name, files] of scripts) {
      const text = linesOf(files)
        .map((line) => line.text)
        .join('\n')
      expect(text, name).to.match(/^--- /)
      for (const part of ['--- KEYS', '--- ARGV', '--- Reply']) expect(text, name).to.include(part)
    }
  })

  describe('of a group', () => {
    let folder: string
    let server: PrivateRedis
    let connection: Connected
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'vk-scripts-'))
      server = await PrivateRedis.start()
      connection = await connected(server.port)
    })
    after(async () => {
      connection.redis.disconnect()
      await server.stop()
      rmSync(folder, { recursive: true })
    })

    /** A group of one script, whose file is there no more when it returns. */
    function group<Name extends string>(name: Name, lua: string): ScriptGroup<Name> {
      const file = join(folder, `${name}.lua`)
      writeFileSync(file, lua)
      const made = new ScriptGroup([[name, [pathToFileURL(file)]]])
      rmSync(file)
      return made
    }

    it('run as they were when the process started, though their files were replaced before it connected', async () => {
      const scripts = group('old', 'return cjson.decode(ARGV[1]).text')
      scripts.define(connection.redis)
      const reply = await run(connection.redis, scripts.script<[{ text: string }], string>('old'), [], {
        text: 'a',
      })
      expect(reply).to.equal('a')
    })

    it('get arguments that their contract names as plain text, in whatever order the caller writes them', async () => {
      const scripts = group(
        'named',
        [
          '--- @argument tokens  a number',
          '--- @argument key_id  text',
          '--- @argument absent',
          '--- @argument yes',
          '--- @argument no',
          '--- @argument windows  JSON',
          'return { tokens, key_id, absent, yes, no, windows }',
        ].join('\n'),
      )
      scripts.define(connection.redis)
      const script = scripts.script<[object], string[]>('named')
      const args = {
        no: false,
        yes: true,
        windows: { a: '\ud83d' },
        absent: undefined,
        key_id: 'b c',
        tokens: 2 ** 53 - 1,
      }
      const reply = await run(connection.redis, script, [], args)
      expect(reply).to.deep.equal(['9007199254740991', 'b c', '', '1', '', '{"a":"\ufffd"}'])
    })

    it('get half of a surrogate pair as any text gets it to Redis, not as an escape that Lua cannot read', async () => {
      const scripts = group(
        'texts',
        'local args = cjson.decode(ARGV[1]) return { args.cut, args.whole, args.json }',
      )
      scripts.define(connection.redis)
      const script = scripts.script<[{ cut: string; whole: string; json: string }], string[]>('texts')
      const json = JSON.stringify({ cut: '\ud83d' })
      const reply = await run(connection.redis, script, [], { cut: 'a\ud83d', whole: '\ud83d\ude00', json })
      expect(reply).to.deep.equal(['a\ufffd', '\ud83d\ude00', json])
    })
  })
})
