import type { Consumer } from '../../pdk.ts'
import { consumerKey, headerKey, type Identification, usable } from '../../request/identity.ts'
import { type Note, noteFrom } from '../../request/note.ts'
import type { Uncounted } from '../../telemetry/metrics.ts'
import { type Answer, type Hints, inspectUsage, type Usage } from '../../usage/read-usage.ts'
import { NOTHING, type Sample } from '../estimate/bounded-sample.ts'
import { asksModel } from '../estimate/prompt.ts'

/** What the tap left of one response, answered with 2xx or hung up on: of a POST, or of a GET that fetches an answer. Format: lua.ts. */
export interface Tapped {
  /** 2xx, or 499 where the client hung up before the answer began. */
  readonly status: number
  /** It fetches an answer to an earlier request. */
  readonly fetched: boolean
  /** The whole answer passed. Else the client hung up or the upstream broke off, and usage may have been to come. */
  readonly ended: boolean
  /** What the plugin's access phase left for its log phase. */
  readonly note: string
  /** The authenticated one, never what a header claims. */
  readonly consumer?: Consumer
  readonly credentialId?: string
  /** The Kong service's name, else its id; empty without a service. */
  readonly service: string
  readonly hints: Hints
  /** Bytes of the body that passed. */
  readonly seen: number
  /** The body as it passed, or its beginning. */
  readonly head: Uint8Array
  /** The body's end, where the middle was dropped. */
  readonly tail?: Uint8Array
  /** The request, where the plugin asked for it and the answer does not show what it cost. */
  readonly sent?: Sent
}

/** What is known of a request in the log phase. */
export interface Sent {
  /** Normalized, without the query. */
  readonly path: string
  /** The start of the body; empty where it could not be kept. */
  readonly body: Uint8Array
  /** Bytes of the whole body; where it could not be read, of the whole request. */
  readonly length: number
  readonly type?: string
  readonly encoding?: string
}

/** @returns undefined where the text is not the tap's: another version of it runs on the route */
export function tappedFrom(text: string): Tapped | undefined {
  const [line = '', head = '', tail = '', request = ''] = text.split('\n')
  const facts = new URLSearchParams(line)
  const fact = (name: string): string | undefined => facts.get(name) ?? undefined
  const status = Number(fact('status'))
  if (!(status >= 200 && status < 600)) return undefined
  const [id, username, customId] = [fact('consumer'), fact('username'), fact('custom_id')]
  const [type, encoding, credentialId] = [fact('type'), fact('encoding'), fact('credential')]
  const [sentLength, sentType, sentEncoding] = [fact('sent'), fact('sent_type'), fact('sent_encoding')]
  return {
    status,
    fetched: fact('fetched') === '1',
    ended: fact('ended') === '1',
    note: fact('note') ?? '',
    ...(id === undefined
      ? {}
      : {
          consumer: {
            id,
            ...(username === undefined ? {} : { username }),
            ...(customId === undefined ? {} : { custom_id: customId }),
          },
        }),
    ...(credentialId === undefined ? {} : { credentialId }),
    service: fact('service') ?? fact('service_id') ?? '',
    hints: {
      headers: Object.fromEntries(facts),
      ...(type === undefined ? {} : { contentType: type }),
      ...(encoding === undefined ? {} : { contentEncoding: encoding }),
    },
    seen: Number(fact('seen') ?? 0),
    head: Buffer.from(head, 'base64'),
    ...(tail === '' ? {} : { tail: Buffer.from(tail, 'base64') }),
    ...(sentLength === undefined
      ? {}
      : {
          sent: {
            path: fact('path') ?? '',
            body: Buffer.from(request, 'base64'),
            length: Number(sentLength),
            ...(sentType === undefined ? {} : { type: sentType }),
            ...(sentEncoding === undefined ? {} : { encoding: sentEncoding }),
          },
        }),
  }
}

/** What access has to note for `tappedKey`: the tap does not know which header names the key. */
export function keyNote(how: Identification, headers: Record<string, string[]>): Note {
  const key = how.by === 'header' ? headerKey(headers, how.name) : undefined
  return key === undefined ? {} : { key }
}

/** The key id of a tapped response, undefined without a key. */
export function tappedKey(how: Identification, { consumer, credentialId, note }: Tapped): string | undefined {
  switch (how.by) {
    case 'consumer':
      return consumerKey(consumer)
    case 'credential':
      return usable(credentialId)
    case 'header':
      return noteFrom(note).key
  }
}

/** What a tapped response reports. */
export interface TappedUsage {
  /** Else why it has none. */
  readonly reported: Usage | Uncounted
  /** Where it can be fetched again. */
  readonly answer: Answer | undefined
}

export function tappedUsage({ hints, head, tail, ended }: Tapped): TappedUsage {
  const { usage, reason, answer } = inspectUsage(tail ? { head, tail } : head, hints)
  return { reported: usage ?? (ended ? reason : 'cut_off'), answer }
}

/** What a tapped exchange is estimated by. undefined: it asked no model, so that there is nothing to estimate. */
export function sampleOf({ hints, head, tail, seen, sent }: Tapped): Sample | undefined {
  if (sent !== undefined && !asksModel(sent.path)) return undefined
  return {
    request: sent?.body ?? NOTHING,
    ...(sent === undefined ? {} : { sent: sent.length }),
    ...(sent?.type === undefined ? {} : { requestType: sent.type }),
    ...(sent?.encoding === undefined ? {} : { requestEncoding: sent.encoding }),
    head,
    seen,
    ...(tail === undefined ? {} : { tail }),
    ...(hints.contentType === undefined ? {} : { type: hints.contentType }),
    ...(hints.contentEncoding === undefined ? {} : { encoding: hints.contentEncoding }),
  }
}
