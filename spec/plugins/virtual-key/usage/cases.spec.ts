import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hints } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { readUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import type { Expected } from '../../../fixtures/usage/fixture.ts'
import { amongEvents } from './among-events.ts'
import { expectUsage } from './expected.ts'

/** Recorded bodies, beside the project; clones elsewhere name the folder. */
const FOLDER = join(process.env.VIRTUAL_KEY_SHARED ?? join(process.cwd(), '..', 'shared'), 'usage-cases')

interface Case {
  readonly body?: string
  readonly body_base64?: string
  readonly content_type: string | null
  readonly content_encoding?: string
  /** Of the response, where they report usage. */
  readonly headers?: Readonly<Record<string, string>>
  readonly ambiguous?: boolean
  readonly expected: Readonly<
    Record<'prompt_tokens' | 'completion_tokens' | 'total_tokens', number | null>
  > | null
}

describe('usage: recorded bodies', () => {
  if (!existsSync(FOLDER)) {
    it.skip(`all of them: there is no ${FOLDER}; VIRTUAL_KEY_SHARED may name its parent`)
    return
  }
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.json'))) {
    const recorded = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Case
    if (recorded.ambiguous) continue
    it(file.replace('.json', ''), () => {
      const body = Buffer.from(
        recorded.body ?? recorded.body_base64 ?? '',
        recorded.body === undefined ? 'base64' : 'utf8',
      )
      const hints: Hints = {
        ...(recorded.content_type === null ? {} : { contentType: recorded.content_type }),
        ...(recorded.content_encoding === undefined ? {} : { contentEncoding: recorded.content_encoding }),
        ...(recorded.headers === undefined ? {} : { headers: recorded.headers }),
      }
      const expected = expectedOf(recorded)
      expectUsage(readUsage(body, hints), expected, 'whole')
      if (recorded.content_encoding !== undefined) return
      for (const { how, whole, cut } of amongEvents(body)) {
        expectUsage(readUsage(whole, hints), expected, `events without usage ${how}`)
        expectUsage(readUsage(cut, hints), expected, `events without usage ${how}, their middle missing`)
      }
    })
  }
})

function expectedOf({ expected }: Case): Expected {
  if (expected === null) return undefined
  const { prompt_tokens, completion_tokens, total_tokens } = expected
  return [prompt_tokens ?? undefined, completion_tokens ?? undefined, total_tokens ?? 0]
}
