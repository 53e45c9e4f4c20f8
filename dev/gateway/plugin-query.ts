import { spawn } from 'node:child_process'
import { type KongFields, shapesFrom } from '../../schema/fields.ts'
import type { PluginDefinition } from '../../schema/kong/plugins.ts'

/** What a plugin server reports about a plugin. */
export interface PluginInfo {
  readonly Name: string
  readonly Version: string
  readonly Priority: number
  readonly Phases: readonly string[]
  /** A Lua list of one-key tables: `[{ name: {…} }, …]`. */
  readonly Schema: { readonly name: string; readonly fields: KongFields }
}

/** What Kong learns about a plugin from its plugin server. @throws Error if the schema has no config */
export function definitionFrom({ Name, Version, Priority, Schema }: PluginInfo): PluginDefinition {
  const { config } = shapesFrom(Schema.fields)
  if (config?.type !== 'record') throw new Error(`plugin '${Name}' dumped a schema without config`)
  return { version: Version, priority: Priority, fields: config.fields }
}

/**
 * Asks a plugin server for its plugins, as Kong does before it starts: runs the command with `sh`, waits for its end and reads
 * its whole stdout as JSON. Only the first plugin counts.
 * @param command shell text, like Kong's `pluginserver_…_query_cmd`
 * @throws Error when a byte of stdout is not part of that JSON, or the command does not end within `timeout` ms
 */
export async function queryPlugin(command: string, timeout = 60_000): Promise<PluginInfo> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const hung = setTimeout(() => child.kill('SIGKILL'), timeout)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...how) => resolve(how))
  })
  clearTimeout(hung)
  if (signal === 'SIGKILL') throw new Error(`query command did not end within ${timeout} ms: ${command}`)
  const [first] = parsed(stdout, `query command ended with ${code ?? signal}: ${command}\n${stderr}`)
  if (!isPluginInfo(first)) throw new Error(`not a plugin info table: ${command}\n${stdout}`)
  return first
}

function parsed(stdout: string, context: string): unknown[] {
  let dump: unknown
  try {
    dump = JSON.parse(stdout)
  } catch (cause) {
    throw new Error(`failed decoding plugin info: ${JSON.stringify(stdout.slice(0, 200))}; ${context}`, {
      cause,
    })
  }
  if (!Array.isArray(dump)) throw new Error(`not a plugin info table: ${stdout.slice(0, 200)}; ${context}`)
  return dump
}

function isPluginInfo(value: unknown): value is PluginInfo {
  const info = value as Partial<PluginInfo> | undefined
  return typeof info?.Name === 'string' && Array.isArray(info.Phases) && Array.isArray(info.Schema?.fields)
}
