import { createHash } from 'node:crypto'

/** Kong's namespace for entities that a declarative file leaves without an id: the same file gives the same ids everywhere. */
const ENTITIES = 'fd02801f-0957-4a15-a55a-c8d9606f30b5'

/** Kong's id of the only workspace a DB-less node has. */
export const WORKSPACE_ID = '0dc6f45b-8f8d-40d2-a504-473544ee190b'

export function uuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** @param entity collection, e.g. `services`  @param key what is unique in it, e.g. the name */
export function entityId(entity: string, key: string): string {
  return uuidV5(uuidV5(ENTITIES, entity), key)
}
