import { defined } from '../lib/defined.ts';
import type {
  Placement,
  PublishedPort,
  ServiceDeclaration,
  ServiceMode,
  UpdateSettings,
} from '../model/service.ts';
import type { NetworkAttachmentSpec, RestartPolicy, TaskTemplateSpec } from '../model/template.ts';
import { staticAddressOption } from '../model/network.ts';
import { compileContainer, type FindData } from './compile-container.ts';
import { fromNanoseconds } from './go-time.ts';
import { checkDnsName } from './names.ts';
import { refuse, refuseUnsupported } from './refuse.ts';
import type {
  NetworkAttachmentDocument,
  PortDocument,
  ServiceDocument,
  TaskTemplateDocument,
  UpdateConfigDocument,
} from './schema-service.ts';

/** What compiling has to look up. */
export interface ServiceContext {
  readonly findData: FindData;
  /** Id of the cluster network with this id or name; throws where there is none. */
  readonly resolveNetwork: (reference: string) => string;
  /** For services without a name, as Swarm gives them one. */
  readonly inventName: () => string;
  readonly registryAuth?: string;
}

const maxReplicas = 1_000_000;

/** Compiles a service specification of the Docker API; nothing is dropped without a word. */
export function compileService(
  document: ServiceDocument,
  context: ServiceContext,
): ServiceDeclaration {
  const name =
    document.Name === undefined || document.Name === '' ? context.inventName() : document.Name;
  checkDnsName(name);
  const task = document.TaskTemplate ?? refuse('TaskTemplate', 'is missing');
  const ports = compilePorts(document.EndpointSpec?.Ports ?? []);
  const endpointMode = document.EndpointSpec?.Mode ?? 'vip';
  if (endpointMode === 'dnsrr' && ports.some((port) => port.mode === 'ingress')) {
    refuse(
      'EndpointSpec.Ports',
      "port published with ingress mode can't be used with dnsrr mode",
      'Publish it with mode=host, or use the endpoint mode vip.',
    );
  }
  return defined({
    spec: defined({
      name,
      labels: document.Labels ?? {},
      mode: compileMode(document.Mode),
      update: compileUpdate(document.UpdateConfig),
      rollback: compileUpdate(document.RollbackConfig),
      endpointMode,
      ports,
      placement: compilePlacement(task.Placement),
      dependsOn: [],
    }),
    template: compileTemplate(task, { document, ports, context }),
    registryAuth: context.registryAuth,
  });
}

function compileTemplate(
  task: TaskTemplateDocument,
  from: {
    readonly document: ServiceDocument;
    readonly ports: readonly PublishedPort[];
    readonly context: ServiceContext;
  },
): TaskTemplateSpec {
  const { document, ports, context } = from;
  if (task.PluginSpec !== undefined) refuseUnsupported('TaskTemplate.PluginSpec', 'plugins are');
  if (task.NetworkAttachmentSpec !== undefined) {
    refuseUnsupported('TaskTemplate.NetworkAttachmentSpec', 'network attachments are');
  }
  if (task.Runtime !== undefined && task.Runtime !== '' && task.Runtime !== 'container') {
    refuseUnsupported('TaskTemplate.Runtime', `the runtime ${JSON.stringify(task.Runtime)} is`);
  }
  const container = task.ContainerSpec ?? refuse('TaskTemplate.ContainerSpec', 'is missing');
  const inTask = task.Networks ?? [];
  const [networks, field] =
    inTask.length > 0 ? [inTask, 'TaskTemplate.Networks'] : [document.Networks ?? [], 'Networks'];
  return defined({
    containers: [compileContainer({ ...task, ContainerSpec: container }, context.findData)],
    networks: compileNetworks(networks, { field, context }),
    hostPorts: ports
      .filter((port) => port.mode === 'host')
      .map(({ protocol, targetPort, publishedPort }) =>
        defined({ protocol, targetPort, publishedPort }),
      ),
    restart: compileRestart(task.RestartPolicy),
    logDriver:
      task.LogDriver?.Name === undefined || task.LogDriver.Name === ''
        ? undefined
        : { name: task.LogDriver.Name, options: task.LogDriver.Options ?? {} },
    forceUpdate: task.ForceUpdate ?? 0,
  });
}

function compileNetworks(
  networks: readonly NetworkAttachmentDocument[],
  options: { readonly field: string; readonly context: ServiceContext },
): readonly NetworkAttachmentSpec[] {
  const seen = new Set<string>();
  return networks.map((network, index) => {
    const field = `${options.field}[${index}]`;
    const reference = network.Target ?? '';
    if (reference === '') refuse(`${field}.Target`, 'the network is missing');
    const networkId = options.context.resolveNetwork(reference);
    if (seen.has(networkId)) refuse(`${field}.Target`, `network ${reference} is named twice`);
    seen.add(networkId);
    const { [staticAddressOption]: ipv4Address, ...driverOptions } = network.DriverOpts ?? {};
    return {
      networkId,
      aliases: network.Aliases ?? [],
      driverOptions,
      ...(ipv4Address !== undefined && { ipv4Address }),
    };
  });
}

function compileMode(mode: ServiceDocument['Mode']): ServiceMode {
  const given = Object.entries(mode ?? {}).filter(([, value]) => value !== undefined);
  if (given.length > 1) refuse('Mode', 'must specify only one service mode');
  if (mode?.Global !== undefined) return { kind: 'global' };
  if (mode?.GlobalJob !== undefined) return { kind: 'global-job' };
  if (mode?.ReplicatedJob !== undefined) {
    const maxConcurrent = mode.ReplicatedJob.MaxConcurrent ?? 1;
    const totalCompletions = mode.ReplicatedJob.TotalCompletions ?? maxConcurrent;
    if (totalCompletions > maxReplicas) {
      refuse(
        'Mode.ReplicatedJob.TotalCompletions',
        `must be at most ${maxReplicas}, not ${totalCompletions}`,
      );
    }
    return { kind: 'replicated-job', maxConcurrent, totalCompletions };
  }
  const replicas = mode?.Replicated?.Replicas ?? 1;
  if (replicas > maxReplicas) {
    refuse('Mode.Replicated.Replicas', `must be at most ${maxReplicas}, not ${replicas}`);
  }
  return { kind: 'replicated', replicas };
}

/** Absent numbers are Go's zeroes: parallelism 0 is all at once. */
function compileUpdate(config: UpdateConfigDocument | undefined): UpdateSettings | undefined {
  if (config === undefined) return undefined;
  return defined({
    parallelism: config.Parallelism ?? 0,
    delayMs: toMilliseconds(config.Delay),
    failureAction: config.FailureAction,
    monitorMs: toMilliseconds(config.Monitor),
    maxFailureRatio: config.MaxFailureRatio ?? 0,
    order: config.Order,
  });
}

function compileRestart(policy: TaskTemplateDocument['RestartPolicy']): RestartPolicy | undefined {
  if (policy === undefined) return undefined;
  return defined({
    condition: policy.Condition,
    delayMs: toMilliseconds(policy.Delay),
    maxAttempts: policy.MaxAttempts,
    windowMs: toMilliseconds(policy.Window),
  });
}

function toMilliseconds(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : fromNanoseconds(nanoseconds);
}

function compilePlacement(placement: TaskTemplateDocument['Placement']): Placement {
  return {
    constraints: placement?.Constraints ?? [],
    preferences: (placement?.Preferences ?? []).map((preference, index) => {
      const descriptor = preference.Spread?.SpreadDescriptor ?? '';
      if (!/^(node|engine)\.labels\..+$/i.test(descriptor)) {
        refuse(
          `TaskTemplate.Placement.Preferences[${index}].Spread.SpreadDescriptor`,
          `must be node.labels.<key> or engine.labels.<key>, not ${JSON.stringify(descriptor)}`,
        );
      }
      return { spread: descriptor };
    }),
    maxReplicasPerNode: placement?.MaxReplicas ?? 0,
    platforms: (placement?.Platforms ?? []).map((platform) =>
      defined({ os: unlessBlank(platform.OS), architecture: unlessBlank(platform.Architecture) }),
    ),
  };
}

function compilePorts(ports: readonly PortDocument[]): readonly PublishedPort[] {
  const seen = new Map<string, number>();
  return ports.map((port, index) => {
    const field = `EndpointSpec.Ports[${index}]`;
    const targetPort = port.TargetPort ?? 0;
    if (targetPort === 0) refuse(`${field}.TargetPort`, 'must be 1 … 65535');
    const protocol = port.Protocol ?? 'tcp';
    const mode = port.PublishMode ?? 'ingress';
    const publishedPort = port.PublishedPort ?? 0;
    const key = `${publishedPort}/${protocol}/${mode}`;
    const other = seen.get(key);
    if (publishedPort !== 0 && other !== undefined) {
      refuse(
        `${field}.PublishedPort`,
        `duplicate published port ${publishedPort}/${protocol}; ` +
          `EndpointSpec.Ports[${other}] has it too`,
      );
    }
    seen.set(key, index);
    return defined({
      name: unlessBlank(port.Name),
      protocol,
      targetPort,
      publishedPort: publishedPort === 0 ? undefined : publishedPort,
      mode,
    });
  });
}

function unlessBlank(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
