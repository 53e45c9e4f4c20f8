/** What a plugin declares about itself. */
export interface Description {
  readonly Name: string
  readonly Version: string
  readonly Priority: number
  readonly Phases: readonly string[]
  /** Fields of the configuration, as Kong's schemas describe them. */
  readonly Schema: readonly unknown[]
}

/** Kong calls its methods by the names of the phases; the constructor gets the configuration and may throw. */
export type PluginClass = new (config: never) => object

/** What QUERY_CMD prints about a plugin: one element of a list. */
export function pluginInfo({ Name, Version, Priority, Phases, Schema }: Description): object {
  const fields = [{ config: { type: 'record', fields: Schema } }]
  return { Name, Version, Phases, Priority, Schema: { name: Name, fields } }
}
