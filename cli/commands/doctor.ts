import { type Command, InvalidArgumentError } from 'commander'
import type { CommandContext } from '../context.ts'
import { examine } from '../doctor/check.ts'
import { CHECKS } from '../doctor/checks.ts'
import { DoctorContext } from '../doctor/context.ts'
import { type Finding, report } from '../doctor/finding.ts'
import { Failure } from '../failure.ts'
import { type ConnectionOptions, redisConfig, withConnection } from '../options/connection.ts'
import { secretsFrom, withSecretFile } from '../options/secrets.ts'
import { type AdminOptions, adminFrom, withAdmin } from '../provisioning/admin-options.ts'

interface Options extends ConnectionOptions, AdminOptions {
  readonly send?: boolean
  readonly secretFile?: string
  readonly timeout: number
  readonly json?: boolean
}

/** `vk doctor`: checks everything that can be reached from here, and says what to do. */
export function addDoctor(program: Command, context: CommandContext): void {
  withSecretFile(withAdmin(withConnection(program.command('doctor'))), 'with --send: ')
    .description(
      'checks Kong, Redis and the webhooks, and says what to do; the exit code is 1 if a check fails',
    )
    .option('--send', 'sends each webhook a signed test event; without it, a HEAD request')
    .option('--timeout <seconds>', 'longest time that one check may take', seconds, 10)
    .option('--json', 'prints one JSON array')
    .action(async (options: Options) => {
      const doctor = await doctorFrom(options, context)
      try {
        const findings = await examine(doctor, CHECKS)
        context.print(options.json ? JSON.stringify(findings, null, 2) : report(findings))
        conclude(findings, await doctor.reaches())
      } finally {
        doctor.close()
      }
    })
}

async function doctorFrom(options: Options, context: CommandContext): Promise<DoctorContext> {
  const { adminUrl, adminToken, adminTokenHeader, send, secretFile, timeout } = options
  const api = adminFrom(options, context)
  return new DoctorContext({
    redis: redisConfig(options, context.env),
    admin:
      api === undefined || adminUrl === undefined
        ? undefined
        : { api, url: adminUrl, headers: adminToken === undefined ? {} : { [adminTokenHeader]: adminToken } },
    signers: send ? await secretsFrom(secretFile, context) : undefined,
    timeout: timeout * 1000,
  })
}

/** @throws Failure if a check fails: exit code 3 if nothing could be reached, else 1 */
function conclude(findings: readonly Finding[], reached: boolean): void {
  if (!reached) throw new Failure("neither Redis nor Kong's Admin API can be reached", 3)
  const failed = findings.filter(({ state }) => state === 'fail').length
  if (failed > 0) throw new Failure(`${failed} of ${findings.length} findings fail`)
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 600)) throw new InvalidArgumentError('not a number of seconds up to 600')
  return value
}
