import { randomBytes } from 'node:crypto'
import { request } from 'undici'
import { AdminApiDouble } from './admin-api.ts'

interface Named {
  readonly id: string
  readonly name: string
}

/**
 * An Admin API on which the same specs run: the double, or with KONG_ADMIN_URL a real Kong 3.9 with a database and the plugin. What a
 * spec makes there has names of its own and goes with `stop`.
 */
export class AdminPlace {
  readonly url: string
  /** Undefined: it is a real Kong. */
  readonly double: AdminApiDouble | undefined
  readonly #prefix = `spec-${randomBytes(4).toString('hex')}`
  #next = 0
  #paths: string[] = []

  private constructor(url: string, double: AdminApiDouble | undefined) {
    this.url = url
    this.double = double
  }

  static async open(): Promise<AdminPlace> {
    const real = process.env.KONG_ADMIN_URL
    if (real !== undefined) return new AdminPlace(real, undefined)
    const double = await AdminApiDouble.start()
    return new AdminPlace(double.url, double)
  }

  /** A key id, or the name of something else, that nobody has. Its consumer goes in the end. */
  newName(): string {
    const name = `${this.#prefix}-${this.#next++}`
    this.#paths.push(`/consumers/${name}`)
    return name
  }

  /** A service with a route of the same name. @param port of the upstream */
  async newService(port = 9): Promise<Named & { readonly routeId: string }> {
    const name = this.newName()
    const service = await this.send<Named>('POST', '/services', { name, url: `http://127.0.0.1:${port}` })
    const route = await this.send<Named>('POST', `/services/${name}/routes`, {
      name,
      paths: [`/${name}`],
    })
    this.#paths.push(`/services/${service.id}`, `/routes/${route.id}`)
    return { ...service, routeId: route.id }
  }

  /** What a spec made at this path goes in the end, before what was named earlier. */
  removeLater(path: string): void {
    this.#paths.push(path)
  }

  /** @throws Error where Kong does not do it */
  async send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, value?: unknown): Promise<T> {
    const { statusCode, body } = await request(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: value === undefined ? null : JSON.stringify(value),
    })
    const text = await body.text()
    if (statusCode > 299) throw new Error(`${method} ${path}: ${statusCode} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async get<T>(path: string): Promise<T | undefined> {
    const { statusCode, body } = await request(`${this.url}${path}`)
    const text = await body.text()
    return statusCode === 404 ? undefined : (JSON.parse(text) as T)
  }

  async list<T>(path: string): Promise<T[]> {
    return (await this.get<{ data: T[] }>(`${path}?size=1000`))?.data ?? []
  }

  async stop(): Promise<void> {
    if (this.double) return this.double.stop()
    // Routes before their services.
    for (const path of this.#paths.reverse()) await this.send('DELETE', path)
  }
}
