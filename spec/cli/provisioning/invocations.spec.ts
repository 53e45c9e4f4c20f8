import { expect } from 'chai'
import { AUTHENTICATORS } from '../../../schema/kong/authenticators.ts'
import { type HttpServer, httpServer } from '../../support/http-server.ts'
import { Provisioning } from '../../support/provisioning.ts'
import { vk } from '../../support/vk.ts'

/** What there is, by the names of this run. */
interface Names {
  /** A service whose two routes have different configurations of virtual-key. */
  readonly twin: string
  /** A service with virtual-key, without a registry. */
  readonly plain: string
  /** A service with virtual-key and a registry. */
  readonly listed: string
  /** As `listed`, but with another Redis. */
  readonly astray: string
  /** A key of `listed`. */
  readonly there: string
  /** A service without any plugin. */
  readonly bare: string
  /** A service guarded by a plugin other than key-auth. */
  readonly guarded: string
  readonly guard: string
  /** A key that is nowhere; another one in each invocation. */
  readonly fresh: string
  /** A consumer with a name of its own, by its id. */
  readonly consumerId: string
  readonly consumerName: string
  readonly redisPort: number
  /** Servers that are no Admin API. */
  readonly web: Readonly<
    Record<'page' | 'missing' | 'json' | 'list' | 'login' | 'proxy' | 'refusing', string>
  >
  file(text: string): string
}

/** What an operator may well type, and must be told. */
interface Invocation {
  readonly args: (names: Names) => string[]
  readonly code: 0 | 1 | 2 | 3
  /** The one line that says it, on stderr: after `vk: ` where the command failed, else after `virtual-key warn: `. */
  readonly says: (names: Names) => string | RegExp
  /** Over what the shell has. An empty text unsets. */
  readonly env?: (names: Names) => Record<string, string>
  readonly input?: string
}

const NO_ADMIN = () => ({ KONG_ADMIN_URL: '' })
const admin = (of: keyof Names['web']) => (names: Names) => ({ KONG_ADMIN_URL: names.web[of] })
const LONG = 'x'.repeat(257)
const SECRET = 'whsec_aGlkZGVuLXNlY3JldA=='
const IN_ARGUMENTS = (path: string) => () => `--set ${path}: a secret does not belong among the arguments`
const enable = (...sets: string[]) => [
  'plugin',
  'enable',
  '--global',
  ...sets.flatMap((one) => ['--set', one]),
]

const INVOCATIONS: Readonly<Record<string, readonly Invocation[]>> = {
  'an id that is no name in a path': [
    ...['.', '..'].flatMap((id): Invocation[] =>
      [
        ['keys', 'delete', id, '--yes'],
        ['keys', 'delete', id, '--dry-run'],
        ['keys', 'create', id, '--rate-limit', '5'],
        ['keys', 'create', id, '--no-registry', '--alert-threshold', '5'],
        ['keys', 'rotate', id],
      ].map((args) => ({
        args: () => args,
        code: 2,
        says: () => `Kong has no path for "${id}": in a path it is a step and no name`,
      })),
    ),
    { args: () => ['keys', 'create', ''], code: 2, says: () => 'the key id cannot be used: it is empty' },
    {
      args: () => ['keys', 'delete', '', '--yes'],
      code: 2,
      says: () => 'Kong has no path for "": it is empty',
    },
    {
      args: () => ['keys', 'create', LONG],
      code: 2,
      says: () => 'the key id cannot be used: its 257 characters are more than the 256 of a key id',
    },
    {
      args: () => ['keys', 'create', LONG],
      env: NO_ADMIN,
      code: 2,
      says: () => 'the key id cannot be used: its 257 characters are more than the 256 of a key id',
    },
    {
      args: () => ['keys', 'import', '-'],
      env: NO_ADMIN,
      input: `id\n${LONG}\n`,
      code: 1,
      says: () => 'stopped at a bad row, 0 were imported; --keep-going skips bad rows',
    },
    {
      args: ({ consumerId }) => ['keys', 'delete', consumerId, '--yes'],
      code: 1,
      says: ({ consumerId, consumerName }) =>
        `the consumer "${consumerId}" of Kong counts as key "${consumerName}": give that id`,
    },
    {
      args: ({ consumerId }) => ['keys', 'create', consumerId, '--rate-limit', '5'],
      code: 1,
      says: ({ consumerId, consumerName }) =>
        `the consumer "${consumerId}" of Kong counts as key "${consumerName}": give that id`,
    },
    {
      args: ({ consumerId }) => ['keys', 'rotate', consumerId],
      code: 1,
      says: ({ consumerId, consumerName }) =>
        `the consumer "${consumerId}" of Kong counts as key "${consumerName}": give that id`,
    },
    {
      args: () => ['plugin', 'enable', '--route', '..'],
      code: 1,
      says: () => 'Kong has no route ".."; it has: ',
    },
  ],

  'a secret among the arguments': [
    { args: () => enable('redis.password=hidden'), code: 2, says: IN_ARGUMENTS('redis.password') },
    { args: () => enable('redis={"password":"hidden"}'), code: 2, says: IN_ARGUMENTS('redis.password') },
    { args: () => enable('redis={"password":["hidden"]}'), code: 2, says: IN_ARGUMENTS('redis.password') },
    {
      args: () => enable('redis={"sentinel_password":"hidden"}'),
      code: 2,
      says: IN_ARGUMENTS('redis.sentinel_password'),
    },
    { args: () => enable(`webhook.secrets=${SECRET}`), code: 2, says: IN_ARGUMENTS('webhook.secrets') },
    { args: () => enable(`webhook.secrets=["${SECRET}"]`), code: 2, says: IN_ARGUMENTS('webhook.secrets') },
    {
      args: () => enable(`webhook.secrets=["{vault://env/x}","${SECRET}"]`),
      code: 2,
      says: IN_ARGUMENTS('webhook.secrets'),
    },
    {
      args: () => enable(`webhook={"secrets":["${SECRET}"]}`),
      code: 2,
      says: IN_ARGUMENTS('webhook.secrets'),
    },
    {
      args: () => enable(`webhook={"secrets":{"a":"${SECRET}"}}`),
      code: 2,
      says: IN_ARGUMENTS('webhook.secrets'),
    },
    {
      args: () => enable('alert_webhook=https://a:hidden@h.example'),
      code: 2,
      says: IN_ARGUMENTS('alert_webhook'),
    },
    {
      args: () => enable('alert_webhook=https://hidden@h.example'),
      code: 2,
      says: IN_ARGUMENTS('alert_webhook'),
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--alert-webhook', 'https://hidden@h.example'],
      code: 2,
      says: () => '--alert-webhook: credentials do not belong among the arguments, see --alert-webhook-file',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--admin-token', 'hidden'],
      code: 2,
      says: () => 'a token does not belong among the arguments: set KONG_ADMIN_TOKEN',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--admin-url', 'http://hidden@127.0.0.1:8001'],
      code: 2,
      says: () => "credentials do not belong into the Admin API's URL: set KONG_ADMIN_TOKEN",
    },
    {
      args: ({ fresh }) => [
        'keys',
        'create',
        fresh,
        '--redis-url',
        'redis://:hidden@127.0.0.1:6379',
        '--registry',
      ],
      code: 2,
      says: () => 'a password does not belong among the arguments: set REDIS_URL or REDIS_PASSWORD',
    },
    {
      args: ({ fresh }) => ['alerts', 'test', fresh, '--url', 'https://hidden@h.example'],
      code: 2,
      says: () => 'credentials do not belong among the arguments',
    },
  ],

  'a span without a unit': [
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--expires-in', '30'],
      code: 2,
      says: () => '--expires-in: 30 has no unit: write 30d, 30h, 30m or 30s',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--ttl', '90'],
      code: 2,
      says: () => '--ttl: 90 has no unit: write 90d, 90h, 90m or 90s',
    },
    {
      args: ({ there }) => ['keys', 'rotate', there, '--overlap', '24'],
      code: 2,
      says: () => '--overlap: 24 has no unit: write 24d, 24h, 24m or 24s',
    },
    {
      args: ({ there }) => ['keys', 'update', there, '--expires-in', '1y'],
      code: 2,
      says: () => '--expires-in: "1y" is no time such as 90d, 12h or 30m, from 0s to ',
    },
  ],

  'an Admin API that is none': [
    ...(
      [
        ['page', 'it answers 200 with what is no JSON object'],
        ['missing', 'it answers 404 with what is no JSON object'],
        ['json', '(?:is no list|has no id)'],
        ['list', 'it answers 200 with what is no JSON object'],
        ['login', 'it answers 302'],
        ['proxy', 'it is the proxy; the Admin API has a port of its own, such as 8001'],
      ] as const
    ).flatMap(([of, problem]): Invocation[] =>
      (
        [
          ({ fresh }) => ['keys', 'create', fresh, '--alert-threshold', '5'],
          ({ fresh }) => ['keys', 'delete', fresh, '--yes'],
          () => ['plugin', 'enable', '--global'],
        ] as ReadonlyArray<Invocation['args']>
      ).map((args) => ({
        args,
        env: admin(of),
        code: 3,
        says: ({ web }) =>
          new RegExp(
            `^${web[of]} answers, but not as Kong's Admin API does \\(.*${problem}\\): check --admin-url$`,
          ),
      })),
    ),
    {
      args: ({ there }) => ['keys', 'rotate', there],
      env: admin('page'),
      code: 3,
      says: ({ web }) => `${web.page} answers, but not as Kong's Admin API does`,
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh],
      env: admin('refusing'),
      code: 1,
      says: () => /GET \/\S+: 401 Unauthorized: check KONG_ADMIN_TOKEN$/,
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh],
      env: () => ({ KONG_ADMIN_URL: 'http://127.0.0.1:1' }),
      code: 3,
      says: () => "Kong's Admin API cannot be reached: connect ECONNREFUSED 127.0.0.1:1",
    },
    ...['localhost:8001', 'ftp://127.0.0.1', 'http://127.0.0.1:8001?x=1', 'http://127.0.0.1:8001/#x'].map(
      (url): Invocation => ({
        args: ({ fresh }) => ['keys', 'create', fresh, '--admin-url', url],
        code: 2,
        says: () => "the Admin API's URL does not look like http://host:port",
      }),
    ),
    {
      args: ({ fresh }) => ['keys', 'create', fresh],
      env: () => ({ KONG_ADMIN_TOKEN: 'hidden\u00e9' }),
      code: 2,
      says: () => 'KONG_ADMIN_TOKEN: no header can carry its 7 characters',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--admin-token-header', 'X Y'],
      code: 2,
      says: () => '--admin-token-header: "X Y" is the name of no header',
    },
  ],

  'half of what was meant': [
    {
      args: ({ fresh, plain }) => ['keys', 'create', fresh, '--service', plain, '--token-budget', '5'],
      env: NO_ADMIN,
      code: 0,
      says: () =>
        'no --admin-url: this is a record of the registry alone, which counts where the plugin has registry: true; Kong gets no consumer and no key',
    },
    {
      args: ({ there }) => ['keys', 'delete', there, '--yes', '--dry-run'],
      env: NO_ADMIN,
      code: 0,
      says: () =>
        'no --admin-url: only the record goes; its consumer and credentials in Kong, if any, stay as they are',
    },
    {
      args: ({ fresh, plain }) => ['keys', 'create', fresh, '--service', plain, '--registry'],
      code: 0,
      says: ({ plain }) => `the record changes nothing yet: route ${plain} does not have registry: true`,
    },
    {
      args: ({ fresh, astray }) => ['keys', 'create', fresh, '--service', astray],
      code: 0,
      says: ({ astray, redisPort }) =>
        `route ${astray} reads the registry in redis.internal:6379, and this is 127.0.0.1:${redisPort}: unless both are the same, name that one by REDIS_URL`,
    },
    {
      args: ({ fresh, twin }) => ['keys', 'create', fresh, '--service', twin, '--alert-threshold', '5'],
      code: 1,
      says: ({ twin }) =>
        new RegExp(
          `^route ${twin}\\S* and route ${twin}\\S* of service ${twin} have different configurations, and one of a consumer would replace both: make them alike, or keep settings in the registry \\(registry: true\\)$`,
        ),
    },
    {
      args: ({ fresh, bare }) => ['keys', 'create', fresh, '--service', bare],
      code: 0,
      says: ({ bare }) =>
        `virtual-key is not enabled on service ${bare}: nothing is counted there until vk plugin enable --service ${bare}`,
    },
    {
      args: ({ fresh, plain }) => ['keys', 'create', fresh, '--service', plain, '--alert-threshold', '5'],
      code: 0,
      says: () => 'no alert_webhook is set: crossings are counted and logged, and nobody is called',
    },
    {
      args: ({ fresh, guarded }) => ['keys', 'create', fresh, '--service', guarded],
      code: 0,
      says: ({ guarded, guard }) =>
        `key-auth is not enabled on service ${guarded}: ${guard} says who calls there, and does not ask for the key`,
    },
    {
      args: ({ guarded }) => [
        'plugin',
        'enable',
        '--route',
        guarded,
        '--dry-run',
        '--set',
        'redis.host=r.internal',
      ],
      code: 0,
      says: ({ guarded, guard }) => `${guard} says who calls on route ${guarded}: key-auth is left out`,
    },
    {
      args: ({ bare }) => ['plugin', 'enable', '--route', bare, '--dry-run'],
      env: () => ({ REDIS_URL: '' }),
      code: 0,
      says: () =>
        'Kong will look for Redis at 127.0.0.1:6379, on its own machine: --set redis.host=… names another',
    },
    {
      args: ({ bare }) => ['plugin', 'enable', '--route', bare, '--dry-run'],
      code: 0,
      says: ({ redisPort }) =>
        `Kong will look for Redis at 127.0.0.1:${redisPort}, on its own machine: --set redis.host=… names another`,
    },
    {
      args: ({ plain }) => ['plugin', 'enable', '--route', plain, '--dry-run'],
      env: () => ({ REDIS_URL: 'redis://elsewhere.internal' }),
      code: 0,
      says: ({ redisPort }) =>
        `the plugin keeps its totals in 127.0.0.1:${redisPort}, not in elsewhere.internal:6379: --set redis.host=… changes that`,
    },
    {
      args: ({ fresh, bare }) => ['keys', 'create', fresh, '--service', bare, '--rate-limit', '5'],
      code: 0,
      says: () =>
        'the rate limit holds on each Kong node for itself: no virtual-key applies, in whose Redis all of them could count together',
    },
    {
      args: ({ there }) => ['keys', 'update', there, '--rate-limit', '5'],
      env: NO_ADMIN,
      code: 0,
      says: () => 'a rate limit is kept by Kong: give --admin-url to change it there too',
    },
  ],

  'percents of no budget': [
    {
      args: ({ fresh, plain }) => ['keys', 'create', fresh, '--service', plain, '--alert-percents', '80'],
      code: 2,
      says: () => 'alert percents [80] are of a token budget, and there is none: give one too',
    },
    {
      args: ({ fresh, listed }) => [
        'keys',
        'create',
        fresh,
        '--service',
        listed,
        '--alert-percents',
        '80,90',
      ],
      code: 2,
      says: () => 'alert percents [80, 90] are of a token budget, and there is none: give one too',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--alert-percents', '80', '--token-budget', '0'],
      env: NO_ADMIN,
      code: 2,
      says: () => 'alert percents [80] are of a token budget, and there is none: give one too',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--alert-percents', '80'],
      env: NO_ADMIN,
      code: 0,
      says: () =>
        "alert percents [80] are of a token budget: they alert only where the plugin's configuration has one",
    },
    {
      args: ({ there }) => ['keys', 'update', there, '--alert-percents', '80'],
      code: 0,
      says: () =>
        "alert percents [80] are of a token budget: they alert only where the plugin's configuration has one",
    },
    {
      args: ({ there }) => ['keys', 'update', there, '--alert-percents', '80', '--token-budget', '0'],
      code: 2,
      says: () => 'alert percents [80] are of a token budget, and there is none: give one too',
    },
    {
      args: () => enable('alert_percents=50'),
      code: 2,
      says: () => 'alert percents [50] are of a token budget, and there is none: give one too',
    },
  ],

  'what is not there': [
    {
      args: () => ['keys', 'delete', 'nobody', '--yes', '--registry'],
      code: 1,
      says: () => 'there is no key "nobody": neither the registry nor Kong knows it',
    },
    {
      args: () => ['keys', 'delete', 'nobody', '--yes', '--no-registry'],
      code: 1,
      says: () =>
        'there is no key "nobody": Kong does not know it; no configuration reads the registry, which was not asked (--registry asks it)',
    },
    {
      args: () => ['keys', 'delete', 'nobody', '--yes'],
      env: NO_ADMIN,
      code: 1,
      says: () => 'there is no key "nobody": it is not registered; Kong was not asked (--admin-url)',
    },
    { args: () => ['keys', 'show', 'nobody'], code: 1, says: () => 'no key "nobody" is registered' },
    {
      args: () => ['keys', 'update', 'nobody', '--token-budget', '5'],
      code: 1,
      says: () =>
        'no key "nobody" is registered; vk keys create registers it, or without a registry changes what Kong has of it',
    },
    { args: () => ['keys', 'disable', 'nobody'], code: 1, says: () => 'no key "nobody" is registered' },
    {
      args: () => ['keys', 'reset', 'nobody'],
      code: 1,
      says: () => 'key "nobody" is not registered and has spent nothing',
    },
    {
      args: () => ['usage', 'nobody'],
      code: 1,
      says: () => 'key "nobody" is not registered and has spent nothing',
    },
    {
      args: () => ['keys', 'rotate', 'nobody'],
      code: 1,
      says: () => 'Kong has no consumer "nobody": vk keys create makes it',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--service', 'nowhere'],
      code: 1,
      says: () => 'Kong has no service "nowhere"; it has: ',
    },
    {
      args: () => ['plugin', 'disable', '--route', 'nowhere'],
      code: 1,
      says: () => 'Kong has no route "nowhere"; it has: ',
    },
    {
      args: ({ bare }) => ['plugin', 'disable', '--route', bare],
      code: 0,
      says: ({ bare }) => `plugin virtual-key of route ${bare} is not there`,
    },
  ],

  'options that need another, or exclude it': [
    {
      args: ({ there }) => ['keys', 'delete', there],
      code: 2,
      says: () => 'nothing was deleted: repeat the command with --yes',
    },
    {
      args: ({ there }) => ['keys', 'delete', there, '--no-registry', '--yes'],
      env: NO_ADMIN,
      code: 2,
      says: () => '--no-registry without --admin-url leaves nothing',
    },
    ...[['--ttl', '5d'], ['--key-file', '/dev/null'], ['--no-registry']].map(
      (option): Invocation => ({
        args: ({ fresh }) => ['keys', 'create', fresh, ...option],
        env: NO_ADMIN,
        code: 2,
        says: () => `${option[0]} is about Kong: give --admin-url too`,
      }),
    ),
    {
      args: () => ['keys', 'import', '-', '--key-from-id'],
      env: NO_ADMIN,
      input: 'id\na\n',
      code: 2,
      says: () => '--key-from-id is about Kong: give --admin-url too',
    },
    {
      args: ({ there }) => ['keys', 'rotate', there],
      env: NO_ADMIN,
      code: 2,
      says: () => 'credentials are in Kong: give --admin-url',
    },
    {
      args: () => ['plugin', 'enable', '--global'],
      env: NO_ADMIN,
      code: 2,
      says: () => 'plugins are in Kong: give --admin-url',
    },
    {
      args: () => ['plugin', 'enable'],
      code: 2,
      says: () => 'give one of --route, --service and --global',
    },
    {
      args: ({ fresh }) => [
        ...['keys', 'create', fresh, '--expires-in', '5d'],
        ...['--expires-at', '2030-01-01T00:00:00Z'],
      ],
      code: 2,
      says: () => 'give --expires-at or --expires-in, not both',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--key-file', '-', '--alert-webhook-file', '-'],
      input: 'x',
      code: 2,
      says: () => 'only one of --key-file and --alert-webhook-file can be stdin',
    },
    {
      args: ({ there }) => ['keys', 'update', there],
      code: 2,
      says: () => 'name a setting to change, or --unset',
    },
    {
      args: ({ there }) => ['keys', 'update', there, '--scope', 'read', '--unset', 'scope'],
      code: 2,
      says: () => 'scope is both set and cleared',
    },
    {
      args: ({ fresh, plain }) => ['keys', 'create', fresh, '--service', plain, '--scope', 'read'],
      code: 1,
      says: () =>
        'only a registry keeps scope: set registry: true on the plugin (vk plugin enable --set registry=true), or say --registry',
    },
  ],

  'values that are none': [
    {
      args: () => enable('registri=true'),
      code: 2,
      says: () => '--set: the configuration has no field "registri"',
    },
    {
      args: () => enable('__proto__.x=1'),
      code: 2,
      says: () => '--set: the configuration has no field "__proto__.x"',
    },
    { args: () => enable('registry'), code: 2, says: () => '--set: it is not name=value' },
    { args: () => enable('redis={'), code: 2, says: () => '--set redis: it is no JSON' },
    {
      args: () => ['plugin', 'enable', '--global', '--config', '-'],
      input: 'redis: { password: hidden }',
      code: 2,
      says: () => '--config: it is no JSON',
    },
    {
      args: () => ['plugin', 'enable', '--global', '--config', '-'],
      input: '["hidden"]',
      code: 2,
      says: () => '--config: it is no JSON object',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--key-file', '-'],
      input: 'hidden key',
      code: 2,
      says: () => '--key-file: its 10 characters are not one word of printable ASCII',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--key-file', '/no/such/file'],
      code: 2,
      says: () => '--key-file: ENOENT',
    },
    {
      args: () => ['dispatch', '--secret-file', '-'],
      input: 'hidden',
      code: 2,
      says: () => 'signing secrets, line 1: ',
    },
    { args: () => ['keys', 'import', '/no/such/file'], code: 2, says: () => 'ENOENT' },
    { args: () => ['keys', 'import', '/'], code: 2, says: () => '/ is a directory' },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--token-budget', '-5'],
      code: 2,
      says: () => '--token-budget: "-5" is no integer from 0 to 9007199254740991',
    },
    {
      args: ({ fresh }) => ['keys', 'create', fresh, '--token-budget', ''],
      code: 2,
      says: () => '--token-budget: it is empty; --unset token_budget clears it',
    },
    {
      args: ({ there }) => ['keys', 'update', there, '--unset', 'budget'],
      code: 2,
      says: () => '--unset: "budget" is none of ',
    },
    {
      args: ({ fresh }) => [
        'keys',
        'create',
        fresh,
        '--alert-webhook',
        'hooks.example.com/hidden',
        '--registry',
      ],
      code: 2,
      says: () => '--alert-webhook: its 24 characters are no http or https URL',
    },
    {
      args: () => ['keys', 'list', '--redis-url', 'http://127.0.0.1'],
      code: 2,
      says: () => 'the Redis URL does not look like redis://host:port/database',
    },
    {
      args: () => ['keys', 'list', '--redis-url', 'redis://127.0.0.1:1'],
      code: 3,
      says: () => 'Redis at 127.0.0.1:1 is unreachable: connect ECONNREFUSED 127.0.0.1:1',
    },
    {
      args: () => ['tap', '--indent', '-4'],
      code: 2,
      says: () =>
        "option '--indent <columns>' argument '-4' is invalid. not a number of columns from 0 to 99",
    },
  ],
}

/** How many of them run at once: each is a process of its own. */
const AT_ONCE = 4

describe('vk, called in a way that could mislead', function () {
  this.timeout(240_000)

  let on: Provisioning
  let names: Omit<Names, 'fresh'>
  const servers: HttpServer[] = []

  before(async () => {
    on = await Provisioning.start()
    names = await scene()
  })
  after(async () => {
    await on?.stop()
    await Promise.all(servers.map((one) => one.close()))
  })

  async function scene(): Promise<Omit<Names, 'fresh'>> {
    const redis = { port: on.redisPort }
    const put = (path: string, name: string, config: Record<string, unknown> = {}) =>
      on.kong.send('POST', `${path}/plugins`, { name, config })
    const [twin, plain, listed, astray, bare, guarded] = await Promise.all(
      Array.from({ length: 6 }, async () => (await on.kong.newService()).name),
    )
    if (!twin || !plain || !listed || !astray || !bare || !guarded) throw new Error('a service is missing')
    const second = await on.kong.send<{ id: string }>('POST', `/services/${twin}/routes`, {
      name: `${twin}-b`,
      paths: [`/${twin}-b`],
    })
    on.kong.removeLater(`/routes/${second.id}`)
    await put(`/routes/${twin}`, 'virtual-key', { redis, token_budget: 5 })
    await put(`/routes/${twin}-b`, 'virtual-key', { redis, token_budget: 6 })
    await put(`/routes/${plain}`, 'virtual-key', { redis })
    await put(`/routes/${plain}`, 'key-auth')
    await put(`/routes/${listed}`, 'virtual-key', { redis, registry: true })
    await put(`/routes/${listed}`, 'key-auth')
    await put(`/routes/${astray}`, 'virtual-key', { redis: { host: 'redis.internal' }, registry: true })
    await put(`/routes/${astray}`, 'key-auth')
    const guard = on.kong.double ? 'openid-connect' : 'basic-auth'
    await put(`/routes/${guarded}`, guard)
    const [there, consumerName] = [on.kong.newName(), on.kong.newName()]
    await on.json('keys', 'create', there, '--service', listed)
    const consumer = await on.kong.send<{ id: string }>('POST', '/consumers', { username: consumerName })
    const { redisPort } = on
    const file = (text: string) => on.file(text)
    return {
      ...{ twin, plain, listed, astray, bare, guarded, guard, there, consumerName, redisPort, file },
      consumerId: consumer.id,
      web: await web(),
    }
  }

  async function web(): Promise<Names['web']> {
    const answering = async (status: number, body: string, headers: Record<string, string> = {}) => {
      const server = await httpServer((_, __, response) => void response.writeHead(status, headers).end(body))
      servers.push(server)
      return server.url
    }
    const json = { 'content-type': 'application/json' }
    return {
      page: await answering(200, '<html>welcome</html>', { 'content-type': 'text/html' }),
      missing: await answering(404, '<html>not found</html>'),
      json: await answering(200, '{"status":"ok"}', json),
      list: await answering(200, '[]', json),
      login: await answering(302, '', { location: '/login' }),
      proxy: await answering(404, '{"message":"no Route matched with those values","request_id":"1"}', json),
      refusing: await answering(401, '{"message":"Unauthorized"}', json),
    }
  }

  /** Everything that a wrong invocation might have changed. */
  async function state(): Promise<unknown> {
    const lists = ['/plugins', '/consumers', '/services', '/routes'].map((path) => on.kong.list(path))
    return [await Promise.all(lists), (await on.redis.keys('*')).sort()]
  }

  async function check({ args, code, says, env, input }: Invocation): Promise<void> {
    const all: Names = { ...names, fresh: on.kong.newName() }
    const words = args(all)
    const shell = {
      KONG_ADMIN_URL: on.kong.url,
      REDIS_URL: `redis://127.0.0.1:${on.redisPort}`,
      ...env?.(all),
    }
    const given = Object.fromEntries(Object.entries(shell).filter(([, value]) => value !== ''))
    const { code: found, stdout, stderr } = await vk(words, given, input)
    const what = `vk ${words.join(' ')}: ${stderr}`
    expect(found, what).to.equal(code)
    const own = /^(?:vk|error|virtual-key warn): /
    const lines = stderr.split('\n').filter((line) => own.test(line))
    const wanted = says(all)
    const said = lines.map((line) => line.replace(own, ''))
    const saysIt = (line: string) => (typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line))
    expect(said.filter(saysIt), what).to.have.length(1)
    // One line says why it failed, and no stack or text of the engine does.
    if (code !== 0)
      expect(
        lines.filter((line) => /^(?:vk|error): /.test(line)),
        what,
      ).to.have.length(1)
    expect(stderr, what).not.to.match(/^ +at |TypeError|undefined|\[object/m)
    expect(stdout + stderr, what).not.to.match(/hidden|aGlkZGVu/)
    if (code > 1) expect(stdout, what).not.to.include('vk_')
  }

  for (const [kind, invocations] of Object.entries(INVOCATIONS))
    it(`${kind}: ${invocations.length} invocations, each with one clear line and the right exit code`, async () => {
      const harmless = invocations.filter(({ code }) => code !== 0)
      const before = await state()
      await each(harmless, check)
      expect(await state(), 'what a failed invocation has changed').to.deep.equal(before)
      await each(
        invocations.filter(({ code }) => code === 0),
        check,
      )
    })

  it('takes vault references where it refuses secrets', async () => {
    const { code, stdout } = await on.run(
      ...enable('webhook.secrets=["{vault://env/a}","{vault://env/b}"]', 'redis.password={vault://env/c}'),
      ...['--set', 'redis.host=r.internal', '--dry-run', '--no-key-auth'],
    )
    expect(code).to.equal(0)
    expect(stdout).to.include('config.webhook.secrets (hidden)').and.to.include('{vault://env/c}')
  })

  it('puts the Redis of REDIS_URL into the plugin, its password unseen, and leaves that of a plugin that is there', async () => {
    const env = { KONG_ADMIN_URL: on.kong.url, REDIS_URL: 'rediss://kong:p4ssw0rd@redis.internal:6380/3' }
    const { name } = await on.kong.newService()
    const args = ['plugin', 'enable', '--route', name, '--no-key-auth']
    const { code, stdout, stderr } = await vk(args, env)
    expect([code, stderr]).to.deep.equal([0, ''])
    expect(stdout).to.include('config.redis.host redis.internal').and.not.to.include('p4ssw0rd')
    const made = async () => (await on.plugin(`/routes/${name}`, 'virtual-key'))?.config.redis
    const wanted = {
      host: 'redis.internal',
      port: 6380,
      username: 'kong',
      password: 'p4ssw0rd',
      database: 3,
      ssl: true,
    }
    expect(await made()).to.include(wanted)
    await vk([...args, '--set', 'token_budget=5'], { ...env, REDIS_URL: 'redis://other.internal' })
    expect(await made()).to.include(wanted)
  })

  it('has a rate limit count in the Redis of the plugin, for all gateways together', async () => {
    const id = on.kong.newName()
    const { changes } = await on.json('keys', 'create', id, '--service', names.plain, '--rate-limit', '5')
    expect(changes.map(({ what }) => what)).to.include(`plugin rate-limiting of consumer ${id}`)
    const config = async () => (await on.plugin(`/consumers/${id}`, 'rate-limiting'))?.config
    expect(await config()).to.include({ minute: 5, policy: 'redis' })
    expect((await config())?.redis).to.include({ host: '127.0.0.1', port: on.redisPort })
    const again = await on.json('keys', 'create', id, '--service', names.plain, '--rate-limit', '5')
    expect(again.changes).to.deep.equal([])
    // One that counts on each node for itself, as vk made them before.
    const { id: plugin } = (await on.plugin(`/consumers/${id}`, 'rate-limiting')) ?? { id: '' }
    await on.kong.send('PATCH', `/plugins/${plugin}`, { config: { policy: 'local' } })
    await on.json('keys', 'create', id, '--service', names.plain, '--rate-limit', '5')
    expect(await config()).to.include({ minute: 5, policy: 'redis' })
  })

  for (const { name } of AUTHENTICATORS.filter((one) => one.name !== 'key-auth'))
    it(`adds no key-auth where ${name} says who calls`, async function () {
      // Of these, open-source Kong has but some, and they want configurations of their own.
      if (!on.kong.double) return this.skip()
      const service = await on.kong.newService()
      await on.kong.send('POST', `/services/${service.name}/plugins`, { name })
      const { changes, notes } = await on.json('plugin', 'enable', '--route', service.name)
      expect(changes.map(({ what }) => what)).to.deep.equal([`plugin virtual-key of route ${service.name}`])
      expect(notes.join()).to.include(`${name} says who calls on route ${service.name}: key-auth is left out`)
    })
})

async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all]
  const worker = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
