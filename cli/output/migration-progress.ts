import type { News } from '../../migrations/migrate.ts'
import { PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'

/** Shortest pause between two lines about progress. Unit: milliseconds. */
const EVERY = 1000

/** Writes a line about progress at most once per EVERY; single events are written at once. `now`: milliseconds. */
export function throttled(tell: (line: string) => void, now: () => number): (news: News) => void {
  let told = now()
  return (news) => {
    if (news.state === 'working' && now() - told < EVERY) return
    if (news.state === 'working') told = now()
    tell(lineOf(news))
  }
}

function lineOf(news: News): string {
  if (news.state === 'waiting') return 'another vk migrate is at work; waiting for it'
  const { step, partition, looked } = news
  const where = `${step}, partition ${partition + 1} of ${PARTITIONS}`
  return news.state === 'resumed'
    ? `${where}: goes on after ${count(looked)} of an earlier run`
    : `${where}: ${count(looked)} looked at`
}

export function count(records: number): string {
  return records === 1 ? '1 record' : `${records} records`
}
