import { expect } from 'chai'
import { PrivateSentinels } from '../support/private-sentinels.ts'
import { vk } from '../support/vk.ts'
import { doctor, told } from './doctor/doctor.ts'

describe('vk behind Redis Sentinel', function () {
  this.timeout(60_000)

  let sentinels: PrivateSentinels
  let env: Record<string, string>

  before(async () => {
    sentinels = await PrivateSentinels.start()
    const { sentinel_master = '', sentinel_nodes = [] } = sentinels.config
    env = {
      REDIS_SENTINEL_MASTER: sentinel_master,
      REDIS_SENTINEL_NODES: sentinel_nodes.map(({ host, port }) => `${host}:${port}`).join(','),
    }
  })

  after(() => sentinels.stop())

  it('writes to the master that they name, and reads from it', async () => {
    const { code } = await vk(['keys', 'create', 'vk-abc', '--token-budget', '1000'], env)
    expect(code).to.equal(0)
    const { stdout } = await vk(['keys', 'list', '--json'], env)
    expect(JSON.parse(stdout)).to.have.length(1)
  })

  it('looks at that master, and calls it by its address', async () => {
    const [master] = sentinels.servers
    const visit = await doctor(env)
    expect(told(visit, 'redis')).to.match(/^ok: \w+ \S+ at virtual-key of sentinel 127\.0\.0\.1:/)
    expect(told(visit, 'clock')).to.match(
      new RegExp(`^ok: 127\\.0\\.0\\.1:${master?.port} and this machine are`),
    )
  })

  it('says what is missing, and that nobody answers', async () => {
    const { REDIS_SENTINEL_NODES: nodes = '' } = env
    const cases: ReadonlyArray<readonly [number, string, string[]]> = [
      [2, 'go together', ['--sentinel-master', 'llm']],
      [2, 'go together', ['--sentinel-nodes', nodes]],
      [2, 'sentinel node "here" is not host:port', ['--sentinel-master', 'llm', '--sentinel-nodes', 'here']],
      [3, 'is unreachable', ['--sentinel-master', 'llm', '--sentinel-nodes', '127.0.0.1:1']],
      [3, 'is unreachable', ['--sentinel-master', 'nobody', '--sentinel-nodes', nodes]],
    ]
    // At once, for one that gets no answer waits five seconds for it.
    const look = async ([code, text, args]: (typeof cases)[number]) => {
      const found = await vk(['usage', 'vk-abc', ...args], {})
      expect([found.code, found.stderr], args.join(' ')).to.satisfy(
        ([got, stderr]: [number, string]) => got === code && stderr.includes(text),
        `exit code ${found.code}: ${found.stderr}`,
      )
    }
    await Promise.all(cases.map(look))
  })
})
