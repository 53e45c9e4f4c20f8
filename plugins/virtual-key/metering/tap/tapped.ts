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
  readonly consumer: Consumer | undefined
  readonly credentialId: string | undefined
  /** The Kong service's name, else its id; empty without a service. */
  readonly service: string
  readonly hints: Hints
  /** Bytes of the body that passed. */
  readonly seen: number
  /** The body as it passed, or its beginning. */
  readonly head: Uint8Array
  /** The body's end, where the middle was dropped. */
  readonly tail: Uint8Array | undefined
  /** The request, where the plugin asked for it and the answer does not show what it cost. */
  readonly sent: Sent | undefined
}

/** What is known of a request in the log phase. */
export interface Sent {
  /** Normalized, without the query. */
  readonly path: string
  /** The start of the body; empty where it could not be kept. */
  readonly body: Uint8Array
  /** Bytes of the whole body; where it could not be read, of the whole request. */
  readonly length: number
  readonly type: string | undefined
  readonly encoding: string | undefined
}

/** @returns undefined where the text is not the tap's: another version of it runs on the route */
export function tappedFrom(text: string): Tapped | undefined {
  const [line = '', head = '', tail = '', request = ''] = text.split('\n')
  const facts = new URLSearchParams(line)
  const fact = (name: string): string | undefined => facts.get(name) ?? undefined
  const status = Number(fact('status'))
  if (!(status >= 200 && status < 600)) return undefined
  const [consumer, sent] = [fact('consumer'), fact('sent')]
  return {
    status,
    fetched: fact('fetched') === '1',
    ended: fact('ended') === '1',
    note: fact('note') ?? '',
    consumer:
      consumer === undefined
        ? undefined
        : { id: consumer, username: facts.get('username'), custom_id: facts.get('custom_id') },
    credentialId: fact('credential'),
    service: fact('service') ?? fact('service_id') ?? '',
    hints: {
      headers: Object.fromEntries(facts),
      contentType: fact('type'),
      contentEncoding: fact('encoding'),
    },
    seen: Number(facts.get('seen')),
    head: Buffer.from(head, 'base64'),
    tail: tail === '' ? undefined : Buffer.from(tail, 'base64'),
    sent:
      sent === undefined
        ? undefined
        : {
            path: fact('path') ?? '',
            body: Buffer.from(request, 'base64'),
            length: Number(sent),
            type: fact('sent_type'),
            encoding: fact('sent_encoding'),
          },
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
    sent: sent?.length,
    requestType: sent?.type,
    requestEncoding: sent?.encoding,
    head,
    seen,
    tail,
    type: hints.contentType,
    encoding: hints.contentEncoding,
  }
}
