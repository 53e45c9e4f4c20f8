import {
  EVERYWHERE,
  headerValues,
  limit,
  multiMap,
  type PdkMethods,
  PdkRaise,
  single,
  text,
} from './pdk-call.ts'
import { queryArguments } from './query-string.ts'

/** nginx keeps a larger request body in a file, which get_raw_body opens only when it is given a limit. */
export const BODY_BUFFER = 8192

/** kong.request.* and kong.service.request.* */
export const requestMethods: PdkMethods = {
  'kong.request.get_method': { phases: ['access', 'response'], call: ({ exchange }) => exchange.method },
  'kong.request.get_path': { phases: ['access', 'response'], call: ({ exchange }) => exchange.path },
  'kong.request.get_path_with_query': { phases: EVERYWHERE, call: ({ exchange }) => exchange.uri },
  'kong.request.get_raw_query': { phases: EVERYWHERE, call: ({ exchange }) => exchange.query ?? '' },
  'kong.request.get_header': {
    phases: EVERYWHERE,
    call: ({ exchange }, [name]) => single(exchange.headers.get(text(name, 'header name'))),
  },
  'kong.request.get_headers': {
    phases: EVERYWHERE,
    call: ({ exchange }, [max]) => multiMap(exchange.headers, limit(max, 'max_headers')),
  },
  'kong.request.get_query': {
    phases: ['access', 'response'],
    call: ({ exchange }, [max]) => {
      const found = queryArguments(exchange.query, limit(max, 'max_args'))
      return Object.fromEntries(
        [...found].map(([name, values]) => [name, values.length === 1 && values[0] === true ? [] : values]),
      )
    },
  },
  'kong.request.get_raw_body': {
    phases: ['access', 'response'],
    call: async ({ exchange }, [max]) => {
      const body = Buffer.from(exchange.newBody ?? (await exchange.readBody()))
      if (body.length <= BODY_BUFFER || exchange.newBody) return body
      const allowed = typeof max === 'number' ? max : -1
      if (allowed < 0) throw new PdkRaise('request body did not fit into client body buffer')
      if (allowed > 0 && body.length > allowed) {
        throw new PdkRaise(`request body file too big: ${body.length} > ${allowed}`)
      }
      return body
    },
  },
  'kong.request.get_body': {
    phases: ['access', 'response'],
    call: async ({ exchange }, [type, , max]) => {
      if (type !== 'multipart/form-data') throw new PdkRaise(`${String(type)} is not supported here`)
      const body = exchange.newBody ?? (await exchange.readBody())
      const inFile = body.length > BODY_BUFFER && !exchange.newBody
      const allowed = typeof max === 'number' ? max : -1
      // A type without a boundary has no parts.
      return inFile && (allowed < 0 || (allowed > 0 && body.length > allowed)) ? undefined : []
    },
  },
  'kong.service.request.set_header': {
    phases: ['access'],
    call: ({ exchange }, [name, value]) => {
      exchange.headers.set(text(name, 'header name'), ...headerValues(name, value))
    },
  },
  'kong.service.request.clear_header': {
    phases: ['access'],
    call: ({ exchange }, [name]) => {
      exchange.headers.delete(text(name, 'header'))
    },
  },
  'kong.service.request.set_raw_body': {
    phases: ['access'],
    call: async ({ exchange }, [body]) => {
      if (typeof body !== 'string' && !(body instanceof Uint8Array))
        throw new PdkRaise('body must be a string')
      await exchange.readBody()
      exchange.newBody = Buffer.from(body as Uint8Array)
    },
  },
}
