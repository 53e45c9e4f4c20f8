import { join, resolve } from 'node:path'

/** The project's root, seen from the compiled specs. */
export const ROOT = resolve(import.meta.dirname, '..', '..', '..')

/** Recordings and cases that are not part of the project: beside a checkout, or where VIRTUAL_KEY_SHARED says. */
export const SHARED = process.env.VIRTUAL_KEY_SHARED ?? join(ROOT, '..', 'shared')
