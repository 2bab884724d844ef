import { defined } from '../lib/defined.ts';
import type { ContainerSpec, FileReference, HealthCheck, Resources } from '../model/template.ts';
import { compileMounts } from './compile-mount.ts';
import { compilePrivileges } from './compile-privileges.ts';
import { fromNanoseconds } from './go-time.ts';
import { refuse, refuseUnsupported } from './refuse.ts';
import type { ContainerSpecDocument, TaskTemplateDocument } from './schema-service.ts';

/** The name of the one container of a task that came through this dialect. */
const mainContainer = 'main';

/** Finds a secret or config by id; undefined where there is none. */
export type FindData = (
  kind: 'secret' | 'config',
  id: string,
) => { readonly name: string } | undefined;

const here = 'TaskTemplate.ContainerSpec';
const smallestNanoCpus = 1_000_000;
const smallestMemoryBytes = 4 * 1024 * 1024;

/** Compiles the container of a service's task. */
export function compileContainer(
  template: TaskTemplateDocument & { readonly ContainerSpec: ContainerSpecDocument },
  findData: FindData,
): ContainerSpec {
  const document = template.ContainerSpec;
  return defined({
    name: mainContainer,
    image: checkImage(document.Image),
    labels: document.Labels ?? {},
    ...compileProcess(document),
    ...compileSurroundings(document),
    mounts: compileMounts(document.Mounts ?? [], `${here}.Mounts`),
    secrets: compileSecrets(document.Secrets ?? [], findData),
    configs: compileConfigs(document.Configs ?? [], findData),
    limits: compileResources(template.Resources?.Limits, 'TaskTemplate.Resources.Limits'),
    reservations: compileReservations(template.Resources?.Reservations),
  });
}

/** What runs, and how it is started, watched and stopped. */
function compileProcess(document: ContainerSpecDocument) {
  return {
    command: unlessEmpty(document.Command),
    args: unlessEmpty(document.Args),
    env: checkEnvironment(document.Env ?? []),
    workingDirectory: unlessBlank(document.Dir),
    user: unlessBlank(document.User),
    groups: document.Groups ?? [],
    tty: document.TTY ?? false,
    openStdin: document.OpenStdin ?? false,
    init: document.Init,
    stopSignal: unlessBlank(document.StopSignal),
    stopGracePeriodMs:
      document.StopGracePeriod === undefined
        ? undefined
        : fromNanoseconds(document.StopGracePeriod),
    healthCheck: compileHealthCheck(document.Healthcheck),
    oomScoreAdjust: document.OomScoreAdj === 0 ? undefined : document.OomScoreAdj,
  };
}

/** What the process finds around it, and what it may do. */
function compileSurroundings(document: ContainerSpecDocument) {
  return {
    hostname: unlessBlank(document.Hostname),
    readOnly: document.ReadOnly ?? false,
    hosts: document.Hosts ?? [],
    dns: {
      nameservers: document.DNSConfig?.Nameservers ?? [],
      search: document.DNSConfig?.Search ?? [],
      options: document.DNSConfig?.Options ?? [],
    },
    sysctls: document.Sysctls ?? {},
    capabilityAdd: document.CapabilityAdd ?? [],
    capabilityDrop: document.CapabilityDrop ?? [],
    ulimits: compileUlimits(document.Ulimits ?? []),
    isolation: document.Isolation === 'default' ? undefined : document.Isolation,
    securityOptions: compilePrivileges(document.Privileges, `${here}.Privileges`),
  };
}

function checkImage(image: string | undefined): string {
  if (image === undefined || image === '') {
    refuse(`${here}.Image`, 'image reference must be provided');
  }
  // The grammar of references (distribution/reference), coarsely: the engine has the last word.
  if (!/^[a-zA-Z0-9][\w.\-:/]*(?:@[a-zA-Z0-9+.]+:[0-9a-fA-F]{32,})?$/.test(image)) {
    refuse(`${here}.Image`, `${JSON.stringify(image)} is not a valid repository/tag`);
  }
  return image;
}

function checkEnvironment(env: readonly string[]): readonly string[] {
  for (const [index, entry] of env.entries()) {
    if (entry === '' || entry.startsWith('=') || entry.includes('\0')) {
      refuse(`${here}.Env[${index}]`, `must be KEY=value, not ${JSON.stringify(entry)}`);
    }
  }
  return env;
}

function compileHealthCheck(check: ContainerSpecDocument['Healthcheck']): HealthCheck | undefined {
  if (check === undefined) return undefined;
  const test = check.Test ?? [];
  if (test.length > 0 && !['NONE', 'CMD', 'CMD-SHELL'].includes(test[0] ?? '')) {
    refuse(
      `${here}.Healthcheck.Test[0]`,
      `must be NONE, CMD or CMD-SHELL, not ${JSON.stringify(test[0])}`,
    );
  }
  return defined({
    test,
    intervalMs: toMilliseconds(check.Interval),
    timeoutMs: toMilliseconds(check.Timeout),
    startPeriodMs: toMilliseconds(check.StartPeriod),
    startIntervalMs: toMilliseconds(check.StartInterval),
    retries: check.Retries === 0 ? undefined : check.Retries,
  });
}

/** In a health check 0 means: as the image says. */
function toMilliseconds(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined || nanoseconds === 0 ? undefined : fromNanoseconds(nanoseconds);
}

function compileSecrets(
  secrets: NonNullable<ContainerSpecDocument['Secrets']>,
  findData: FindData,
): readonly FileReference[] {
  return uniqueTargets(
    secrets.map((secret, index) => {
      const field = `${here}.Secrets[${index}]`;
      return compileFile({
        id: secret.SecretID,
        name: secret.SecretName,
        file: secret.File,
        field,
        found: findData('secret', secret.SecretID ?? ''),
        kind: 'secret',
      });
    }),
    `${here}.Secrets`,
  );
}

function compileConfigs(
  configs: NonNullable<ContainerSpecDocument['Configs']>,
  findData: FindData,
): readonly FileReference[] {
  return uniqueTargets(
    configs.map((config, index) => {
      const field = `${here}.Configs[${index}]`;
      if (config.Runtime !== undefined) {
        refuseUnsupported(`${field}.Runtime`, 'configs for the runtime are');
      }
      return compileFile({
        id: config.ConfigID,
        name: config.ConfigName,
        file: config.File,
        field,
        found: findData('config', config.ConfigID ?? ''),
        kind: 'config',
      });
    }),
    `${here}.Configs`,
  );
}

interface FileDocument {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly file: NonNullable<ContainerSpecDocument['Secrets']>[number]['File'];
  readonly field: string;
  readonly found: { readonly name: string } | undefined;
  readonly kind: 'secret' | 'config';
}

function compileFile(document: FileDocument): FileReference {
  const { id, name, file, field, found, kind } = document;
  if (id === undefined || id === '') {
    refuse(`${field}.${kind === 'secret' ? 'SecretID' : 'ConfigID'}`, `the ${kind} id is missing`);
  }
  if (found === undefined) refuse(field, `${kind} not found: ${name ?? id}`);
  const target = file?.Name ?? '';
  if (target === '' || target.includes('\0') || target.split('/').includes('..')) {
    refuse(`${field}.File.Name`, `must be a file name, not ${JSON.stringify(target)}`);
  }
  return {
    sourceId: id,
    sourceName: name === undefined || name === '' ? found.name : name,
    target,
    uid: checkOwner(file?.UID, `${field}.File.UID`),
    gid: checkOwner(file?.GID, `${field}.File.GID`),
    mode: file?.Mode ?? 0o444,
  };
}

function checkOwner(owner: string | undefined, field: string): string {
  const value = owner === undefined || owner === '' ? '0' : owner;
  if (!/^\d{1,10}$/.test(value)) refuse(field, `must be a number, not ${JSON.stringify(value)}`);
  return value;
}

function uniqueTargets(files: readonly FileReference[], field: string): readonly FileReference[] {
  const byTarget = new Map<string, number>();
  for (const [index, file] of files.entries()) {
    const other = byTarget.get(file.target);
    if (other !== undefined) {
      refuse(
        `${field}[${index}].File.Name`,
        `${file.target} is the target of ${field}[${other}] too`,
      );
    }
    byTarget.set(file.target, index);
  }
  return files;
}

function compileUlimits(
  ulimits: NonNullable<ContainerSpecDocument['Ulimits']>,
): ContainerSpec['ulimits'] {
  return ulimits.map((ulimit, index) => {
    const name = ulimit.Name ?? '';
    if (!/^[a-z]+$/.test(name)) {
      refuse(`${here}.Ulimits[${index}].Name`, `${JSON.stringify(name)} is no limit's name`);
    }
    return { name, soft: ulimit.Soft ?? 0, hard: ulimit.Hard ?? 0 };
  });
}

function compileResources(
  document:
    | {
        readonly NanoCPUs?: number | undefined;
        readonly MemoryBytes?: number | undefined;
        readonly Pids?: number | undefined;
      }
    | undefined,
  field: string,
): Resources {
  const nanoCpus = document?.NanoCPUs ?? 0;
  const memoryBytes = document?.MemoryBytes ?? 0;
  const pids = document?.Pids ?? 0;
  if (nanoCpus !== 0 && nanoCpus < smallestNanoCpus) {
    refuse(`${field}.NanoCPUs`, `invalid cpu value ${nanoCpus / 1e9}: Must be at least 0.001`);
  }
  if (memoryBytes !== 0 && memoryBytes < smallestMemoryBytes) {
    refuse(`${field}.MemoryBytes`, `invalid memory value ${memoryBytes}: Must be at least 4MiB`);
  }
  return defined({
    nanoCpus: nanoCpus === 0 ? undefined : nanoCpus,
    memoryBytes: memoryBytes === 0 ? undefined : memoryBytes,
    // Negative is Docker's way to say: no limit.
    pids: pids > 0 ? pids : undefined,
  });
}

function compileReservations(
  document: NonNullable<TaskTemplateDocument['Resources']>['Reservations'],
): Resources {
  const field = 'TaskTemplate.Resources.Reservations';
  if (document?.GenericResources !== undefined && document.GenericResources.length > 0) {
    refuseUnsupported(`${field}.GenericResources`, 'generic resources are');
  }
  return compileResources(document, field);
}

function unlessEmpty(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

function unlessBlank(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
