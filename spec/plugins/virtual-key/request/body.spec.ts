import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { isObject, requestObject } from '../../../../plugins/virtual-key/request/body.ts'
import {
  NO_JSON_OBJECT,
  NOT_UTF8,
  UNREADABLE_BODY_ENCODING,
  UNREADABLE_BODY_TYPE,
} from '../../../../plugins/virtual-key/request/denial.ts'

function inspected(body: string | Uint8Array, contentType = 'application/json', contentEncoding = '') {
  const found = requestObject(Buffer.from(body as string), { contentType, contentEncoding })
  return isObject(found) ? 'object' : found
}

const TEXT = '{"stream":true}'

describe('requestObject', () => {
  it('finds an object whatever the Content-Type says, behind blanks and a byte order mark', () => {
    for (const type of ['application/json; charset=utf-8', 'text/plain', 'multipart/form-data', ''])
      expect(inspected(`\uFEFF \r\n${TEXT}\n\t `, type), type).to.equal('object')
  })

  it('refuses what else is called JSON, or nothing', () => {
    for (const type of ['application/json', 'application/vnd.api+json', '']) {
      for (const body of ['[{"stream":true}]', '"text"', 'null', 'no JSON', ' '])
        expect(inspected(body, type), `${type} ${body}`).to.equal(NO_JSON_OBJECT)
    }
  })

  it('refuses an object that servers read differently or not at all', () => {
    for (const body of [
      `${TEXT}{"stream":false}`,
      `${TEXT} x`,
      `${TEXT}\0`,
      '{"stream":true',
      '{"stream":true,}',
      '{"stream":true "x":1}',
      '{stream:true}',
      "{'stream':true}",
      '{/* */"stream":true}',
      '{"a":[/* ] */],"stream":true}',
      '{//\n"stream":true}',
      '{"\\x73tream":true}',
      `{${'"a":1,'.repeat(1_300_000)}"stream":true}`,
    ])
      expect(inspected(body, 'text/plain'), body.slice(0, 40)).to.equal(NO_JSON_OBJECT)
  })

  it('leaves files, forms with files and plain text alone', () => {
    for (const [type, body] of [
      [
        'multipart/form-data; boundary=x',
        '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\r\n--x--',
      ],
      ['audio/wav', 'RIFF'],
      ['video/mp4', Buffer.from([0, 0, 0, 0x18, 0x66, 0x74, 0x79, 0x70])],
      ['application/octet-stream', gzipSync(TEXT)],
      ['text/plain', 'Hello'],
    ] as const)
      expect(inspected(body, type), type).to.equal('none')
    expect(inspected('')).to.equal('empty')
  })

  it('refuses UTF-16 and UTF-32, with a byte order mark or without, under any Content-Type', () => {
    for (const text of [TEXT, `\n ${TEXT}`]) {
      for (const mark of ['', '\uFEFF']) {
        const little = Buffer.from(mark + text, 'utf16le')
        const wide = Buffer.from(
          [...(mark + text)].flatMap((char) => [char.charCodeAt(0) & 0xff, char.charCodeAt(0) >> 8, 0, 0]),
        )
        for (const body of [little, Buffer.from(little).swap16(), wide, Buffer.from(wide).swap32()]) {
          for (const type of ['application/json', 'application/octet-stream', 'text/plain'])
            expect(inspected(body, type), `${body.toString('latin1')} ${type}`).to.equal(NOT_UTF8)
        }
      }
    }
  })

  it('refuses bytes that are no UTF-8, which some servers leave out of a name, and other character sets', () => {
    expect(inspected(Buffer.from('{"str\xffeam":true}', 'latin1'))).to.equal(NOT_UTF8)
    expect(inspected(TEXT, 'application/json; charset=utf-7')).to.equal(NOT_UTF8)
    expect(inspected(TEXT, 'application/json; charset="utf-16"')).to.equal(NOT_UTF8)
    expect(inspected(TEXT, 'application/json; charset=utf-8; charset=utf-7')).to.equal(NOT_UTF8)
  })

  it('refuses compressed bodies and other writings of members', () => {
    expect(inspected(gzipSync(TEXT), 'application/json', 'gzip')).to.equal(UNREADABLE_BODY_ENCODING)
    expect(inspected(TEXT, 'application/json', 'identity')).to.equal('object')
    for (const type of ['application/x-protobuf', 'application/x-www-form-urlencoded', 'application/cbor'])
      expect(inspected('stream=true', type), type).to.equal(UNREADABLE_BODY_TYPE)
  })

  it('finds an object in whatever JSON calls one, and throws for no bytes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (object, pretty) => {
        expect(inspected(JSON.stringify(object, undefined, pretty ? 2 : undefined))).to.equal('object')
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), fc.string(), (bytes, type, encoding) => {
        inspected(bytes, type, encoding)
      }),
    )
  })

  it('8 MB of blanks take no longer than a moment', () => {
    const started = performance.now()
    expect(inspected(`${' '.repeat(8_000_000)}${TEXT}`)).to.equal('object')
    expect(inspected(Buffer.from(`${' '.repeat(4_000_000)}${TEXT}`, 'utf16le'))).to.equal(NOT_UTF8)
    expect(performance.now() - started).to.be.below(15_000)
  })
})
