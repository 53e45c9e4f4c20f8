/**
 * The suite. It builds first, which takes a second, so nobody has to run `npm run build` before.
 *   npm test                               everything side by side; ends with what failed and how to run it alone
 *   npm run test:fast                      the specs that start no process
 *   npm run test:one -- <file or pattern>  the spec files whose path contains it; options that follow are mocha's, such as -g <title>
 *   npm run test:watch -- [pattern]        after each change, those specs of the pattern (or of test:fast) that import what changed
 *   npm run test:deno                      what runs under Deno: types, pure parts, integration
 * JOBS: how many spec files run at the same time.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, normalize } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, FOLDERS, ROOT } from './build.mjs'
import { remembered } from './reporter.mjs'
import { specFiles, startsProcesses } from './specs.mjs'

/** Specs wait for sockets, processes and clocks more than they compute. */
const JOBS = Number(process.env.JOBS || 2 * availableParallelism())
/** The specs that take long, for a checkout in which nothing has run yet. */
const LONG =
  /^spec\/(faults|integration\/(operations|spool)|docs\/commands|cli\/(process|commands\/migrate)|.*\/(dispatcher|orphans|configurations|loss-watch|failover|usage-spool|hostile|properties))/
/** How long processes that a part has started may run on after its end. Unit: milliseconds. */
const FAREWELL = 20_000

const [task, ...rest] = process.argv.slice(2)
const firstOption = rest.findIndex((arg) => arg.startsWith('-'))
const patterns = firstOption < 0 ? rest : rest.slice(0, firstOption)
const mochaOptions = firstOption < 0 ? [] : rest.slice(firstOption)

/** Process groups of the running parts, so that none outlives this process. */
const groups = new Set()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
process.once('exit', () => {
  for (const group of groups) signalGroup(group, 'SIGTERM')
})

const TASKS = { all, specs, fast, one, watch: watchSpecs, deno }
if (!Object.hasOwn(TASKS, task)) throw new Error(`${task} is none of ${Object.keys(TASKS).join(', ')}`)
await build()
process.exitCode = (await TASKS[task]()) ? 0 : 1

async function all() {
  return sideBySide(
    ['npm run lint', lint],
    ['npm run typecheck', types],
    ['npm run test:specs', specs],
    ['npm run test:deno', deno],
  )
}

function lint() {
  return run('lint', 'npm', ['run', '-s', 'lint'])
}

function types() {
  return run('types', 'npm', ['run', '-s', 'typecheck'])
}

async function specs() {
  return mocha('specs', [...(await specFiles()).keys()])
}

async function fast() {
  return mocha('fast specs', await fastFiles())
}

async function fastFiles() {
  return [...(await specFiles())].filter(([, reached]) => !startsProcesses(reached)).map(([file]) => file)
}

async function one() {
  const found = await matching()
  if (found.length === 0) throw new Error(`no spec file's path contains ${patterns.join(' or ')}`)
  return found.length > 1 ? mocha('specs', found) : mocha('', found)
}

async function matching() {
  const wanted = patterns.map((pattern) => normalize(pattern))
  return [...(await specFiles()).keys()].filter((file) => wanted.some((pattern) => file.includes(pattern)))
}

async function deno() {
  const integration = [...(await specFiles()).keys()].filter((file) => file.startsWith('spec/integration/'))
  const [checked, ran] = [
    (await run('deno', 'npx', [
      'deno',
      'check',
      '--quiet',
      'plugins',
      'schema',
      'migrations',
      'cli',
      'spec/deno',
    ])) && (await run('deno', 'npx', ['deno', 'test', '--quiet', '--allow-all', 'spec/deno'])),
    await mocha('deno', integration, { RUNTIME: 'deno' }, Math.max(1, JOBS / 2)),
  ]
  return checked && ran
}

/** Runs the named parts at the same time and reports the result of each. */
async function sideBySide(...parts) {
  const started = performance.now()
  const results = await Promise.all(
    parts.map(async ([command, part]) => {
      const passed = await part().catch((error) => {
        // The other parts go on, and the summary tells of all of them.
        console.log(`${command} │ ${error.message}`)
        return false
      })
      return { command, passed, seconds: (performance.now() - started) / 1000 }
    }),
  )
  console.log()
  for (const { command, passed, seconds } of results)
    console.log(
      `${passed ? '✓' : '✗'} ${seconds.toFixed(0).padStart(4)} s  ${command}${passed ? '' : '  FAILED'}`,
    )
  return results.every(({ passed }) => passed)
}

/** One file runs in mocha's own way, several side by side, the longest first. */
function mocha(label, files, env = {}, jobs = JOBS) {
  const compiled = (file) => join('dist', file.replace(/\.ts$/, '.js'))
  const program = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js')
  if (files.length === 1)
    return run(label, process.execPath, [program, ...mochaOptions, ...files.map(compiled)], env)
  const times = join(ROOT, '.cache', `seconds-${label.replace(' ', '-')}.json`)
  const seconds = remembered(times)
  const expected = (file) => seconds[file] ?? (LONG.test(file) ? 60 : 0)
  const longestFirst = files.toSorted((a, b) => expected(b) - expected(a))
  const reporter = [
    '--reporter',
    join(ROOT, 'scripts', 'reporter.mjs'),
    '--reporter-option',
    `times=${times}`,
  ]
  return run(
    label,
    process.execPath,
    [
      program,
      '--parallel',
      '--jobs',
      String(jobs),
      ...reporter,
      ...mochaOptions,
      ...longestFirst.map(compiled),
    ],
    env,
  )
}

/** Runs a program to its end, in a process group of its own, which must be empty soon after; its lines start with the label. */
async function run(label, program, args, env = {}) {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    detached: true,
    stdio: label ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  })
  groups.add(child.pid)
  for (const stream of [child.stdout, child.stderr]) if (stream) printLines(stream, label)
  const closed = new Promise((done) => child.once('close', done))
  const code = await new Promise((done, failed) => child.once('error', failed).once('exit', done))
  const left = await leftBehind(child.pid)
  groups.delete(child.pid)
  await closed
  for (const process of left) console.log(`${label} │ left behind, and ended now: ${process}`)
  return code === 0 && left.length === 0
}

function printLines(stream, label) {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) console.log(`${label} │ ${line}`)
  })
  stream.on('end', () => rest && console.log(`${label} │ ${rest}`))
}

/** Waits until a process group is empty, and ends what is left. @returns the command lines of what was left */
async function leftBehind(group) {
  const deadline = performance.now() + FAREWELL
  for (;;) {
    const members = membersOf(group)
    if (members.length === 0) return []
    if (performance.now() > deadline) {
      signalGroup(group, 'SIGKILL')
      return members
    }
    await sleep(50)
  }
}

/** Command lines of the processes of a group that have not ended; none if there is no /proc. */
function membersOf(group) {
  const read = (file) => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return ''
    }
  }
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []
  return pids
    .filter((pid) => {
      // pid (program) state parent group …; a program's name may hold spaces and parentheses. Z: it has ended, and nobody has asked how.
      const [state, , its] = read(`/proc/${pid}/stat`)
        .replace(/^.*\) /s, '')
        .split(' ')
      return Number(its) === group && state !== 'Z'
    })
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
}

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal)
  } catch {
    // It is empty.
  }
}

/** Until it is interrupted. */
async function watchSpecs() {
  const changed = new Set()
  let wake = () => undefined
  for (const folder of FOLDERS)
    watch(join(ROOT, folder), { recursive: true }, (_, file) => {
      if (/\.(ts|lua)$/.test(file ?? '')) changed.add(join(folder, file))
      wake()
    })
  const selected = () => (patterns.length > 0 ? matching() : fastFiles())
  await mocha('', await selected())
  for (;;) {
    console.log('waiting for a change …')
    while (changed.size === 0) await new Promise((resume) => (wake = resume))
    // An editor may write several files, or one file in several steps.
    await sleep(100)
    const now = [...changed]
    changed.clear()
    try {
      await build()
      const reached = await specFiles()
      const affected = (file) => now.some((one) => one.endsWith('.lua') || reached.get(file)?.has(one))
      const files = (await selected()).filter(affected)
      if (files.length > 0) await mocha('', files)
    } catch (error) {
      // A file that is not completely written may not build.
      console.log(error.message)
    }
  }
}
