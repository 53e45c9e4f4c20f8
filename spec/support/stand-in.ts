import type { PluginServerCommand, RunningGateway } from './gateway.ts'
export async function startStandIn(
  _declaration: string,
  _command: PluginServerCommand,
): Promise<RunningGateway> {
  throw new Error('not here yet')
}
