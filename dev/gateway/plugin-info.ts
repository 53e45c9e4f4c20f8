/** One field of a plugin's schema, the attributes of Kong's metaschema that this gateway knows. */
export interface FieldSchema {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'set' | 'map' | 'record'
  readonly default?: unknown
  readonly required?: boolean
  readonly one_of?: readonly unknown[]
  readonly between?: readonly [number, number]
  readonly gt?: number
  readonly match?: string
  readonly match_any?: { readonly patterns: readonly string[]; readonly err?: string }
  readonly len_min?: number
  readonly len_max?: number
  readonly err?: string
  readonly elements?: FieldSchema
  readonly keys?: FieldSchema
  readonly values?: FieldSchema
  readonly fields?: readonly FieldEntry[]
  readonly referenceable?: boolean
  readonly encrypted?: boolean
  readonly description?: string
}

/** A Lua list of one-key tables: `[{ name: {…} }, …]`. */
export type FieldEntry = Readonly<Record<string, FieldSchema>>

/** What a plugin server dumps about a plugin. */
export interface PluginInfo {
  readonly Name: string
  readonly Version: string
  readonly Priority: number
  readonly Phases: readonly string[]
  readonly Schema: { readonly name: string; readonly fields: readonly FieldEntry[] }
}

/** The fields of `config` in a dumped schema. */
export function configFields(info: PluginInfo): readonly FieldEntry[] {
  for (const entry of info.Schema.fields) if (entry.config) return entry.config.fields ?? []
  throw new Error(`plugin '${info.Name}' dumped a schema without config`)
}
