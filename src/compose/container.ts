import { TuttiError } from '../lib/error.ts';
import { stackLabel } from '../model/labels.ts';
import type { ContainerSpec, HealthCheck, Ulimit } from '../model/template.ts';
import { readReferences } from './data.ts';
import { readResources } from './deploy.ts';
import { parseEnvFile } from './env-file.ts';
import type { Field } from './field.ts';
import { readMounts } from './mounts.ts';
import type { Scope } from './scope.ts';
import { shellWords } from './shell-words.ts';

/** The container of a service. Its `env_file` and `label_file` are the deployer's. */
export async function readContainer(service: Field, scope: Scope): Promise<ContainerSpec> {
  const env = await readEnvironment(service, scope);
  return {
    name: 'main',
    image: readImage(service),
    labels: {
      ...(await readLabelFiles(service.at('label_file'), scope)),
      ...absentOr(service.at('labels'), (one) => one.labels(), {}),
      [stackLabel]: scope.stack,
    },
    env,
    groups: absentOr(service.at('group_add'), (one) => one.strings(), []),
    tty: service.at('tty').boolean() ?? false,
    openStdin: service.at('stdin_open').boolean() ?? false,
    readOnly: service.at('read_only').boolean() ?? false,
    hosts: readHosts(service.at('extra_hosts')),
    dns: {
      nameservers: absentOr(service.at('dns'), (one) => one.strings(), []),
      search: absentOr(service.at('dns_search'), (one) => one.strings(), []),
      options: absentOr(service.at('dns_opt'), (one) => one.strings(), []),
    },
    mounts: readMounts(service, scope),
    secrets: readReferences(service.at('secrets'), { kind: 'secret', names: scope.secretNames }),
    configs: readReferences(service.at('configs'), { kind: 'config', names: scope.configNames }),
    sysctls: absentOr(service.at('sysctls'), (one) => one.labels(), {}),
    capabilityAdd: absentOr(service.at('cap_add'), (one) => one.strings(), []),
    capabilityDrop: absentOr(service.at('cap_drop'), (one) => one.strings(), []),
    ulimits: readUlimits(service.at('ulimits')),
    ...readResources(service),
    ...readProcess(service),
    ...readPrivileges(service),
  };
}

function absentOr<T>(field: Field, read: (field: Field) => T, otherwise: T): T {
  return field.absent ? otherwise : read(field);
}

function readImage(service: Field): string {
  const image = service.at('image');
  const build = service.at('build');
  const name = image.string();
  if (name === undefined || name === '') {
    if (name === undefined) service.fail(whyNoImage(service));
    else image.fail('the image has no name');
    return '';
  }
  if (!build.absent) {
    build.findings.warn(build.path, `images are not built here; "${name}" is used as it is`);
  }
  return name;
}

function whyNoImage(service: Field): string {
  const build = service.at('build');
  if (!service.at('provider').absent) {
    return 'what "provider" names is not run here; give the service an "image"';
  }
  if (build.absent) return 'the service needs "image"';
  const context = build.isMapping ? build.at('context').value : build.value;
  const from = typeof context === 'string' ? context : '.';
  return (
    `images are not built here; build one (docker build -t NAME ${from}), push it to a registry ` +
    'where there are several nodes, and say image: NAME'
  );
}

/** What is passed to the process: all absent unless the document says otherwise. */
function readProcess(service: Field): Partial<ContainerSpec> {
  const command = commandLine(service.at('entrypoint'));
  const args = commandLine(service.at('command'));
  const hostname = service.at('hostname').string();
  const workingDirectory = service.at('working_dir').string();
  const user = service.at('user').string();
  const init = service.at('init').boolean();
  const stopSignal = service.at('stop_signal').string();
  const stopGracePeriodMs = service.at('stop_grace_period').durationMs();
  const healthCheck = readHealthCheck(service.at('healthcheck'));
  const pullPolicy = readPullPolicy(service.at('pull_policy'));
  return {
    ...(command !== undefined && { command }),
    ...(args !== undefined && { args }),
    ...(hostname !== undefined && { hostname }),
    ...(workingDirectory !== undefined && { workingDirectory }),
    ...(user !== undefined && { user }),
    ...(init !== undefined && { init }),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(stopGracePeriodMs !== undefined && { stopGracePeriodMs }),
    ...(healthCheck !== undefined && { healthCheck }),
    ...(pullPolicy !== undefined && { pullPolicy }),
  };
}

function readPrivileges(service: Field): Partial<ContainerSpec> {
  const privileged = service.at('privileged').boolean();
  const shmSizeBytes = service.at('shm_size').bytes();
  const security = service.at('security_opt');
  const devices = service.at('devices');
  const oomScore = service.at('oom_score_adj');
  const oomScoreAdjust = oomScore.absent ? undefined : oomScore.integer({ min: -1000, max: 1000 });
  return {
    ...(privileged === true && { privileged }),
    ...(shmSizeBytes !== undefined && { shmSizeBytes }),
    ...(!security.absent && { securityOptions: security.strings() }),
    ...(!devices.absent && { devices: devices.items().flatMap(readDevice) }),
    ...(oomScoreAdjust !== undefined && { oomScoreAdjust }),
  };
}

function readDevice(field: Field): NonNullable<ContainerSpec['devices']> {
  if (field.isMapping) {
    const pathOnHost = field.at('source').string();
    const pathInContainer = field.at('target').string() ?? pathOnHost;
    const permissions = field.at('permissions').string() ?? 'rwm';
    field.refuseUnknown();
    if (pathOnHost === undefined || pathInContainer === undefined) {
      field.fail('a device needs "source", its path on the host');
      return [];
    }
    return [{ pathOnHost, pathInContainer, permissions }];
  }
  const [pathOnHost = '', pathInContainer = pathOnHost, permissions = 'rwm'] = (
    field.string() ?? ''
  ).split(':');
  return [{ pathOnHost, pathInContainer, permissions }];
}

function commandLine(field: Field): readonly string[] | undefined {
  if (field.absent) return undefined;
  if (typeof field.value !== 'string') return field.strings();
  try {
    return shellWords(field.value);
  } catch (error) {
    return field.fail(TuttiError.from(error).message);
  }
}

function readPullPolicy(field: Field): ContainerSpec['pullPolicy'] {
  const policy = field.string();
  if (policy === undefined) return undefined;
  if (policy === 'always' || policy === 'never') return policy;
  if (policy === 'missing' || policy === 'if_not_present') return 'missing';
  if (policy === 'daily' || policy === 'weekly' || policy.startsWith('every_')) return 'always';
  if (policy === 'build')
    return field.fail('images are not built here; use always, missing or never');
  return field.fail(`expected always, missing or never, found "${policy}"`);
}

function readHealthCheck(field: Field): HealthCheck | undefined {
  if (field.absent) return undefined;
  const disabled = field.at('disable').boolean() ?? false;
  const test = field.at('test');
  const intervalMs = field.at('interval').durationMs();
  const timeoutMs = field.at('timeout').durationMs();
  const startPeriodMs = field.at('start_period').durationMs();
  const startIntervalMs = field.at('start_interval').durationMs();
  const retriesField = field.at('retries');
  const retries = retriesField.absent ? undefined : retriesField.integer({ min: 0 });
  field.refuseUnknown();
  if (disabled) return { test: ['NONE'] };
  return {
    test: readHealthTest(test),
    ...(intervalMs !== undefined && { intervalMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(startPeriodMs !== undefined && { startPeriodMs }),
    ...(startIntervalMs !== undefined && { startIntervalMs }),
    ...(retries !== undefined && { retries }),
  };
}

function readHealthTest(field: Field): readonly string[] {
  if (field.absent) return [];
  if (typeof field.value === 'string') return ['CMD-SHELL', field.value];
  const words = field.strings();
  if (!['NONE', 'CMD', 'CMD-SHELL'].includes(words[0] ?? '')) {
    field.fail(`a list starts with NONE, CMD or CMD-SHELL, found "${words[0] ?? ''}"`);
  }
  return words;
}

/** `name:address` in the document, `address name` in the file that a container gets. */
function readHosts(field: Field): readonly string[] {
  if (field.absent) return [];
  const separator =
    field.isList && field.items().every((one) => String(one.value).includes('=')) ? '=' : ':';
  return [...field.pairs(separator)].map(([name, address]) => {
    if (address === undefined || address === '') field.fail(`the host "${name}" has no address`);
    return `${(address ?? '').replace(/^\[(.*)\]$/, '$1')} ${name}`;
  });
}

function readUlimits(field: Field): readonly Ulimit[] {
  if (field.absent) return [];
  return field.members().flatMap(([name, limit]) => {
    const soft = limit.isMapping ? limit.at('soft').number() : limit.number();
    const hard = limit.isMapping ? limit.at('hard').number() : limit.number();
    if (limit.isMapping) limit.refuseUnknown();
    if (soft === undefined || hard === undefined) return [];
    return [{ name, soft, hard }];
  });
}

async function readEnvironment(service: Field, scope: Scope): Promise<readonly string[]> {
  const values = new Map<string, string>();
  const files = service.at('env_file');
  const list = files.absent ? [] : files.isList ? files.items() : [files];
  for (const file of list) {
    for (const [name, value] of await readEnvFile(file, scope)) values.set(name, value);
  }
  const environment = service.at('environment');
  if (!environment.absent) {
    for (const [name, value] of environment.pairs()) {
      const resolved = value ?? scope.environment[name];
      if (resolved === undefined) values.delete(name);
      else values.set(name, resolved);
    }
  }
  return [...values].map(([name, value]) => `${name}=${value}`).toSorted();
}

async function readLabelFiles(field: Field, scope: Scope): Promise<Record<string, string>> {
  const list = field.absent ? [] : field.isList ? field.items() : [field];
  const labels: Record<string, string> = {};
  for (const file of list)
    Object.assign(labels, Object.fromEntries(await readEnvFile(file, scope)));
  return labels;
}

async function readEnvFile(field: Field, scope: Scope): Promise<ReadonlyMap<string, string>> {
  const path = field.isMapping ? field.at('path').string() : field.string();
  const required = field.isMapping ? (field.at('required').boolean() ?? true) : true;
  const isRaw = field.isMapping && field.at('format').oneOf(['raw'] as const) === 'raw';
  if (field.isMapping) field.refuseUnknown();
  if (path === undefined) return new Map();
  const resolved = scope.files.resolve(scope.directory, path);
  try {
    const text = new TextDecoder().decode(await scope.files.read(resolved));
    const { environment } = scope;
    return parseEnvFile(text, { fileName: resolved, environment, isRaw });
  } catch (reason) {
    const { code, message } = TuttiError.from(reason);
    if (code === 'not-found' && required) field.fail(`${message}; make it, or say required: false`);
    else if (code !== 'not-found') field.fail(message);
    return new Map();
  }
}
