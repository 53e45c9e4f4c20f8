/** What the access phase tells the log phase of the same request, through kong.ctx.shared and the tap. */
export interface Note {
  /** The key id, where only the request's headers tell it. */
  readonly key?: string
}

/** Never empty: a note of any kind is what makes the tap work. */
export function noteText(note: Note): string {
  return JSON.stringify(note)
}

/** @returns an empty note where the text is none of ours */
export function noteFrom(text: string): Note {
  try {
    return (JSON.parse(text) as Note | null) ?? {}
  } catch {
    return {}
  }
}
