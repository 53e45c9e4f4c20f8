/** Whether a text is a URL that carries a user or a password, which is a token as often. */
export function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username !== '' || password !== ''
}
