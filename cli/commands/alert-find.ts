import { type ListedAlert, listAlerts } from '../../plugins/virtual-key/outbox/list.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { Failure } from '../failure.ts'

/**
 * The same alert can be in the history more than once, if it was replayed: the state that needs somebody comes first.
 * @throws Failure where there is none, ReplyError or a connection's Error
 */
export async function findAlert(redis: Connection, id: string): Promise<ListedAlert> {
  const found = (await listAlerts(redis)).filter((one) => one.id === id)
  const one = found.find(({ state }) => state !== 'delivered') ?? found.at(-1)
  if (one === undefined) throw new Failure(`there is no alert ${JSON.stringify(id)}`)
  return one
}
