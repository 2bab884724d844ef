import { stackImageLabel, stackLabel } from '../model/labels.ts';
import type {
  DependencyCondition,
  PublishedPort,
  ServiceDeclaration,
  ServiceDependency,
  ServiceSpec,
} from '../model/service.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { readContainer } from './container.ts';
import { readMode, readPlacement, readRestart, readUpdateSettings } from './deploy.ts';
import type { Field } from './field.ts';
import { checkStaticAddresses, readAttachments } from './networks.ts';
import { readPorts } from './ports.ts';
import { type Scope, scopedName } from './scope.ts';

/** Keys that change nothing here, with what a person should know about it. */
const ignoredKeys: Readonly<Record<string, string>> = {
  container_name: 'containers are named after service, slot and task; networks know this name',
  domainname: 'it is not passed on to containers',
  external_links: 'use a network that both share',
  ipc: 'it is not passed on to containers',
  mac_address: 'it is chosen by the container engine',
  pid: 'it is not passed on to containers',
  userns_mode: 'it is not passed on to containers',
  cgroup: 'it is not passed on to containers',
  cgroup_parent: 'it is not passed on to containers',
  cgroupns_mode: 'it is not passed on to containers',
  uts: 'it is not passed on to containers',
  cpu_shares: 'use deploy.resources',
  cpuset: 'use deploy.resources',
  cpu_quota: 'use deploy.resources',
  cpu_period: 'use deploy.resources',
  cpu_count: 'use deploy.resources',
  cpu_percent: 'use deploy.resources',
  cpu_rt_period: 'use deploy.resources',
  cpu_rt_runtime: 'use deploy.resources',
  memswap_limit: 'use deploy.resources',
  mem_swappiness: 'use deploy.resources',
  oom_kill_disable: 'it is not passed on to containers',
  blkio_config: 'it is not passed on to containers',
  device_cgroup_rules: 'it is not passed on to containers',
  storage_opt: 'it is not passed on to containers',
  annotations: 'they are not passed on to containers',
  volumes_from: 'name the volume in both services',
  post_start: 'hooks are not run',
  pre_start: 'hooks are not run',
  pre_stop: 'hooks are not run',
  credential_spec: 'it exists on Windows only',
  isolation: 'it exists on Windows only',
  use_api_socket: 'bind the socket explicitly',
  gpus: 'devices are not reserved',
  models: 'models are not run',
  pull_refresh_after: 'use pull_policy: always',
};

/** Keys that mean nothing to whoever runs a stack. */
const quietKeys = ['attach', 'develop', 'expose', 'extends', 'profiles'] as const;

const deployKeys = [
  'mode',
  'replicas',
  'labels',
  'update_config',
  'rollback_config',
  'restart_policy',
  'placement',
  'resources',
  'endpoint_mode',
] as const;

function refuseUnknownDeploy(deploy: Field): void {
  for (const key of deployKeys) deploy.at(key);
  deploy.refuseUnknown();
}

/** One service of a document, compiled. */
export async function readService(
  service: Field,
  options: { readonly key: string; readonly scope: Scope },
): Promise<ReadService> {
  const { key, scope } = options;
  for (const quiet of quietKeys) service.at(quiet);
  for (const [ignored, why] of Object.entries(ignoredKeys)) {
    service.at(ignored).warnIgnored(why);
  }
  const container = await readContainer(service, scope);
  const ports = readPorts(service.at('ports'));
  const template = readTemplate(service, { key, scope, container, ports });
  const links = readLinks(service.at('links'), scope.stack);
  const spec = readSpec(service, {
    key,
    scope,
    image: container.image,
    ports,
    links: links.map((link) => link.service),
  });
  checkStaticAddresses(service, spec);
  refuseUnknownDeploy(service.at('deploy'));
  service.refuseUnknown();
  return { spec, template, links };
}

/** A service with the names under which it wants to find others. */
export interface ReadService extends ServiceDeclaration {
  readonly links: readonly Link[];
}

export interface Link {
  /** Full name. */
  readonly service: string;
  readonly alias?: string;
}

function readLinks(field: Field, stack: string): readonly Link[] {
  if (field.absent) return [];
  return field.strings().map((text) => {
    const [name = '', alias] = text.split(':');
    return { service: scopedName(stack, name), ...(alias !== undefined && { alias }) };
  });
}

/** A link is a dependency, too (compose-spec "links"). */
function withLinks(
  dependencies: readonly ServiceDependency[],
  links: readonly string[],
): readonly ServiceDependency[] {
  const known = new Set(dependencies.map(({ service }) => service));
  const added = links.filter((service, at) => !known.has(service) && links.indexOf(service) === at);
  return [
    ...dependencies,
    ...added.map((service) => ({ service, condition: 'started', required: true }) as const),
  ];
}

function readTemplate(
  service: Field,
  parts: {
    readonly key: string;
    readonly scope: Scope;
    readonly container: TaskTemplateSpec['containers'][number];
    readonly ports: readonly PublishedPort[];
  },
): TaskTemplateSpec {
  const restart = readRestart(service);
  const logDriver = readLogging(service.at('logging'));
  const runtime = service.at('runtime').string();
  return {
    containers: [parts.container],
    networks: readAttachments(service, parts),
    hostPorts: parts.ports
      .filter((port) => port.mode === 'host')
      .map(({ protocol, targetPort, publishedPort }) => ({
        protocol,
        targetPort,
        ...(publishedPort !== undefined && { publishedPort }),
      })),
    forceUpdate: 0,
    ...(restart !== undefined && { restart }),
    ...(logDriver !== undefined && { logDriver }),
    ...(runtime !== undefined && { runtime }),
  };
}

function readSpec(
  service: Field,
  parts: {
    readonly key: string;
    readonly scope: Scope;
    readonly image: string;
    readonly ports: readonly PublishedPort[];
    /** Full names of services that it links to. */
    readonly links: readonly string[];
  },
): ServiceSpec {
  const deploy = service.at('deploy');
  const update = readUpdateSettings(deploy.at('update_config'));
  const rollback = readUpdateSettings(deploy.at('rollback_config'));
  const labels = deploy.at('labels');
  const { stack } = parts.scope;
  return {
    name: scopedName(stack, parts.key),
    labels: {
      ...(labels.absent ? {} : labels.labels()),
      [stackImageLabel]: parts.image,
      [stackLabel]: stack,
    },
    mode: readMode(service),
    endpointMode: deploy.at('endpoint_mode').oneOf(['vip', 'dnsrr'] as const) ?? 'vip',
    ports: parts.ports,
    placement: readPlacement(service),
    dependsOn: withLinks(readDependencies(service.at('depends_on'), stack), parts.links),
    ...(update !== undefined && { update }),
    ...(rollback !== undefined && { rollback }),
  };
}

/** Docker's, where a document gives options and leaves the driver to the container engine. */
const defaultLogDriver = 'json-file';

function readLogging(field: Field): TaskTemplateSpec['logDriver'] {
  if (field.absent) return undefined;
  const name = field.at('driver').string();
  const options = field.at('options');
  const values = options.absent ? {} : options.labels();
  field.refuseUnknown();
  if (name === undefined && Object.keys(values).length === 0) return undefined;
  return { name: name ?? defaultLogDriver, options: values };
}

const conditions: Readonly<Record<string, DependencyCondition>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed-successfully',
};

function readDependencies(field: Field, stack: string): readonly ServiceDependency[] {
  if (field.absent) return [];
  if (!field.isMapping) {
    return field.strings().map((name) => ({
      service: scopedName(stack, name),
      condition: 'started',
      required: true,
    }));
  }
  return field.members().map(([name, member]) => {
    const text = member.at('condition').string();
    const condition = text === undefined ? 'started' : conditions[text];
    if (condition === undefined) {
      const known = Object.keys(conditions).join(', ');
      member.at('condition').fail(`expected one of ${known}, found "${text ?? ''}"`);
    }
    const required = member.at('required').boolean() ?? true;
    if (member.at('restart').boolean() === true) {
      member.at('restart').warnIgnored('a dependency that is updated restarts nobody');
    }
    if (!member.absent) member.refuseUnknown();
    return { service: scopedName(stack, name), condition: condition ?? 'started', required };
  });
}
