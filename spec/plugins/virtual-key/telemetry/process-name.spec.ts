import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { isAlive, processName } from '../../../../plugins/virtual-key/telemetry/process-name.ts'

describe('Names of processes', () => {
  it('tell whether their process lives', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const name = processName(child.pid ?? 0)
    expect(isAlive(name)).to.equal(true)
    expect(isAlive(processName(process.pid))).to.equal(true)
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    expect(isAlive(name)).to.equal(false)
  })

  it('do not take a process for an earlier one with its number', function () {
    if (!existsSync('/proc/self/stat')) this.skip()
    const [pid, start] = processName(process.pid).split('-')
    expect(isAlive(`${pid}-${Number(start) - 1}`)).to.equal(false)
    expect(isAlive(`${pid}-${start}`)).to.equal(true)
  })

  it('where the start is not known go by the number', () => {
    expect(isAlive(`${process.pid}-0`)).to.equal(true)
    expect(isAlive('4194305-0')).to.equal(false)
    expect(isAlive(String(process.pid))).to.equal(true)
    expect(isAlive('4194305')).to.equal(false)
  })
})
