import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { pluginServerCommand } from '../../../support/gateway.ts'
import { ROOT } from '../../../support/root.ts'

const run = promisify(execFile)
const PLUGINS = join(ROOT, 'dist', 'plugins')
const STOCK = join(ROOT, 'node_modules', '.bin', 'kong-js-pluginserver')

describe('What Kong is told before it starts', () => {
  it('the dump is one JSON array of one plugin and nothing else, in an empty environment, and the process exits', async () => {
    const [program = '', ...args] = pluginServerCommand().query.split(' ')
    const { stdout, stderr } = await run(program, args, { env: {}, timeout: 15_000 })
    const dump = JSON.parse(stdout)
    expect(dump).to.have.length(1)
    expect(dump[0]).to.include({ Name: 'virtual-key', Priority: 900 })
    expect(dump[0].Phases).to.include.members(['access', 'response'])
    expect(stdout).to.equal(JSON.stringify(dump))
    expect(stderr).to.equal('')
  })

  it("kong-pdk's own plugin server loads the compiled plugin and says the same of it", async () => {
    const args = [STOCK, '-d', PLUGINS, '--dump-all-plugins']
    const stock = await run(process.execPath, args, { timeout: 15_000 })
    const ours = await run(process.execPath, [join(PLUGINS, 'virtual-key', 'server.js'), '--dump'])
    expect(JSON.parse(stock.stdout)).to.deep.equal(JSON.parse(ours.stdout))
  })
})
