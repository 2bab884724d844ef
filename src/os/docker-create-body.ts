import type { CreateContainer } from '../host/container-runtime.ts';
import type { ContainerSpec, HealthCheck, Mount } from '../model/template.ts';

const nanosecondsPerMs = 1_000_000;

/** The body of `POST /containers/create` (Docker Engine API 1.41). */
export function createBody(request: CreateContainer): Record<string, unknown> {
  const { spec } = request;
  return {
    Image: spec.image,
    Env: spec.env,
    Labels: request.labels,
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    ...(spec.hostname !== undefined && { Hostname: spec.hostname }),
    ...(spec.command !== undefined && { Entrypoint: spec.command }),
    ...(spec.args !== undefined && { Cmd: spec.args }),
    ...(spec.workingDirectory !== undefined && { WorkingDir: spec.workingDirectory }),
    ...(spec.user !== undefined && { User: spec.user }),
    ...(spec.stopSignal !== undefined && { StopSignal: spec.stopSignal }),
    ...(spec.healthCheck !== undefined && { Healthcheck: healthCheck(spec.healthCheck) }),
    ExposedPorts: Object.fromEntries(request.exposedPorts.map((port) => [portName(port), {}])),
    HostConfig: hostConfig(request),
    ...networking(request),
  };
}

/** `NetworkingConfig` of the first endpoint; the engine takes the others by `connect`. */
function networking(request: CreateContainer): Record<string, unknown> {
  const [first] = request.endpoints;
  if (first === undefined || request.joinContainerId !== undefined) return {};
  return { NetworkingConfig: { EndpointsConfig: { [first.networkName]: endpointConfig(first) } } };
}

/** One endpoint, with its addresses where it has fixed ones. */
export function endpointConfig(
  endpoint: CreateContainer['endpoints'][number],
): Record<string, unknown> {
  const { address, ipv6Address } = endpoint;
  if (address === undefined) return {};
  const ipv6 = ipv6Address === undefined ? {} : { IPv6Address: ipv6Address };
  return { IPAMConfig: { IPv4Address: address, ...ipv6 } };
}

function networkMode(request: CreateContainer): string {
  if (request.joinContainerId !== undefined) return `container:${request.joinContainerId}`;
  // Swarm too leaves a task without networks on the engine's own bridge.
  return request.endpoints[0]?.networkName ?? 'default';
}

function hostConfig(request: CreateContainer): Record<string, unknown> {
  const { spec } = request;
  return {
    NetworkMode: networkMode(request),
    // The agent restarts tasks; an engine that did it too would race with it.
    RestartPolicy: { Name: 'no' },
    ReadonlyRootfs: spec.readOnly,
    Mounts: [...spec.mounts.map(toMount), ...request.files.map(toFileMount)],
    ExtraHosts: spec.hosts.flatMap(toExtraHosts),
    GroupAdd: spec.groups,
    CapAdd: spec.capabilityAdd,
    CapDrop: spec.capabilityDrop,
    Sysctls: spec.sysctls,
    Ulimits: spec.ulimits.map((one) => ({ Name: one.name, Soft: one.soft, Hard: one.hard })),
    Privileged: spec.privileged === true,
    ...resources(spec),
    ...(spec.init !== undefined && { Init: spec.init }),
    ...(spec.isolation !== undefined && { Isolation: spec.isolation }),
    ...(spec.securityOptions !== undefined && { SecurityOpt: spec.securityOptions }),
    ...(spec.shmSizeBytes !== undefined && { ShmSize: spec.shmSizeBytes }),
    ...(spec.oomScoreAdjust !== undefined && { OomScoreAdj: spec.oomScoreAdjust }),
    ...(spec.devices !== undefined && { Devices: spec.devices.map(toDevice) }),
    ...(request.logDriver !== undefined && {
      LogConfig: { Type: request.logDriver.name, Config: request.logDriver.options },
    }),
  };
}

function resources(spec: ContainerSpec): Record<string, unknown> {
  const { limits, reservations } = spec;
  return {
    ...(limits.nanoCpus !== undefined && { NanoCpus: limits.nanoCpus }),
    ...(limits.memoryBytes !== undefined && { Memory: limits.memoryBytes }),
    ...(limits.pids !== undefined && { PidsLimit: limits.pids }),
    ...(reservations.memoryBytes !== undefined && { MemoryReservation: reservations.memoryBytes }),
  };
}

function portName(port: { readonly targetPort: number; readonly protocol: string }): string {
  return `${port.targetPort}/${port.protocol}`;
}

/** `address name …` as in /etc/hosts becomes `name:address` for each name. */
function toExtraHosts(line: string): readonly string[] {
  const [address = '', ...names] = line.split(/\s+/);
  return names.filter((name) => name !== '').map((name) => `${name}:${address}`);
}

function toDevice(device: NonNullable<ContainerSpec['devices']>[number]): Record<string, string> {
  return {
    PathOnHost: device.pathOnHost,
    PathInContainer: device.pathInContainer,
    CgroupPermissions: device.permissions,
  };
}

function toFileMount(file: CreateContainer['files'][number]): Record<string, unknown> {
  return { Type: 'bind', Source: file.source, Target: file.target, ReadOnly: file.readOnly };
}

function toMount(mount: Mount): Record<string, unknown> {
  const base = { Type: mount.type, Target: mount.target, ReadOnly: mount.readOnly };
  switch (mount.type) {
    case 'bind':
      return {
        ...base,
        Source: mount.source,
        BindOptions: {
          ...(mount.propagation !== undefined && { Propagation: mount.propagation }),
          ...(mount.nonRecursive === true && { NonRecursive: true }),
        },
      };
    case 'volume':
      return {
        ...base,
        ...(mount.source !== undefined && { Source: mount.source }),
        VolumeOptions: {
          NoCopy: mount.noCopy === true,
          Labels: mount.labels ?? {},
          ...(mount.driver !== undefined && {
            DriverConfig: { Name: mount.driver.name, Options: mount.driver.options },
          }),
        },
      };
    case 'tmpfs':
      return {
        ...base,
        TmpfsOptions: {
          ...(mount.sizeBytes !== undefined && { SizeBytes: mount.sizeBytes }),
          ...(mount.mode !== undefined && { Mode: mount.mode }),
        },
      };
  }
}

function healthCheck(check: HealthCheck): Record<string, unknown> {
  return {
    Test: check.test,
    ...(check.intervalMs !== undefined && { Interval: check.intervalMs * nanosecondsPerMs }),
    ...(check.timeoutMs !== undefined && { Timeout: check.timeoutMs * nanosecondsPerMs }),
    ...(check.startPeriodMs !== undefined && {
      StartPeriod: check.startPeriodMs * nanosecondsPerMs,
    }),
    ...(check.startIntervalMs !== undefined && {
      StartInterval: check.startIntervalMs * nanosecondsPerMs,
    }),
    ...(check.retries !== undefined && { Retries: check.retries }),
  };
}

/**
 * The API version that knows all of what is asked for; undefined: every one does. An engine drops
 * what is newer than the version it is asked in.
 */
export function createVersion({ spec }: CreateContainer): string | undefined {
  return (spec.healthCheck?.startIntervalMs ?? 0) > 0 ? 'v1.44' : undefined;
}
