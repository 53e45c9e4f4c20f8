import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { program } from '../../cli/program.ts'
import { ROOT } from './root.ts'

const MAIN = resolve(ROOT, 'dist', 'cli', 'main.js')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs `vk` to its end inside this process, with only the given environment.
 * @param input what stdin has
 * @param stop ends a command that never ends by itself
 */
export async function vk(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input: string | Uint8Array = '',
  stop: AbortSignal = new AbortController().signal,
): Promise<Ended> {
  const [stdout, stderr] = [new Written(), new Written()]
  const code = await program(args, { stdin: inPieces(input), stdout, stderr, env, stopSignal: () => stop })
  return { code, stdout: stdout.text, stderr: stderr.text }
}

/** `vk` as a process of its own, for what only a process shows: signals, exit codes, pipes, two at once. */
export function startVk(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: [stdin, 'pipe', 'pipe'] })
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const code = await new Promise<number | null>((done) => child.once('close', done))
  return { code, stdout, stderr }
}

class Written {
  text = ''

  write(piece: string): void {
    this.text += piece
  }
}

/** Chunks as a pipe delivers them, cut anywhere. */
async function* inPieces(input: string | Uint8Array): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(input as Uint8Array)
  const PIECE = 65_536
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}
