import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { commandReference, withCommandReference } from '../../dev/command-reference.ts'
import { ROOT } from '../support/root.ts'
import { vk } from '../support/vk.ts'

describe('The reference of docs/commands.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'commands.md'), 'utf8')

  it('says what the program says; `npm run docs` writes it', () => {
    expect(withCommandReference(page)).to.equal(page)
  })

  it('holds every command and option of the help, with defaults and variables', async () => {
    const reference = commandReference()
    const names = [...reference.matchAll(/^### `vk ([a-z ]+?)(?: [<[].*)?`$/gm)].map(([, name = '']) => name)
    expect(names).to.include.members(['keys create', 'usage', 'alerts test', 'dispatch', 'migrate', 'doctor'])
    for (const name of names) {
      const { stdout } = await vk([...name.split(' '), '--help'])
      for (const [, flag = ''] of stdout.matchAll(/^ +(--[a-z-]+)/gm))
        expect(reference).to.include(`\`${flag}`)
    }
    expect(reference).to.match(/`--redis-url <url>` \| .* \| `redis:\/\/127\.0\.0\.1:6379`, `REDIS_URL` \|/)
    expect(reference).to.match(/`--overlap .*` \| .* \| `24h` \|/)
    expect(reference).not.to.include('--admin-token <token>')
  })
})
