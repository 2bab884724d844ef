import { stackLabel } from '../model/labels.ts';
import {
  type PublishedPort,
  type Service,
  type ServiceMode,
  type ServiceSpec,
  updateDefaults,
  type UpdateSettings,
  type UpdateStatus,
} from '../model/service.ts';
import {
  type ContainerSpec,
  type Resources,
  type RestartPolicy,
  restartDefaults,
  type TaskTemplateSpec,
} from '../model/template.ts';
import { staticAddressOption } from '../model/network.ts';
import { updateText } from '../model/update-text.ts';
import { goTime, toNanoseconds } from './go-time.ts';
import { showContainer } from './lens-container.ts';
import { unlessEmpty, unlessZero } from './omit-empty.ts';

export interface ServiceStatus {
  readonly running: number;
  readonly desired: number;
  readonly completed: number;
}

export interface ServiceParts {
  readonly service: Service;
  readonly template: TaskTemplateSpec;
  readonly previousTemplate: TaskTemplateSpec | undefined;
  /** Present when the client asked for it. */
  readonly status?: ServiceStatus;
  readonly insertDefaults: boolean;
}

/**
 * A service as Docker's JSON, keys in the order of Go's structs (moby api/types/swarm/service.go).
 */
export function showService(parts: ServiceParts): object {
  const { service, template, previousTemplate, status, insertDefaults } = parts;
  const { previous } = service;
  return {
    ID: service.id,
    Version: { Index: service.version },
    CreatedAt: goTime(service.createdAt),
    UpdatedAt: goTime(service.updatedAt),
    Spec: showServiceSpec(service.spec, { template, insertDefaults }),
    PreviousSpec:
      previous === undefined || previousTemplate === undefined
        ? undefined
        : showServiceSpec(previous.spec, { template: previousTemplate, insertDefaults: false }),
    Endpoint: showEndpoint(service),
    UpdateStatus: service.update === undefined ? undefined : showUpdateStatus(service.update),
    ServiceStatus:
      status === undefined
        ? undefined
        : {
            RunningTasks: status.running,
            DesiredTasks: status.desired,
            CompletedTasks: status.completed,
          },
    JobStatus:
      service.job === undefined
        ? undefined
        : {
            JobIteration: { Index: unlessZero(service.job.iteration) },
            LastExecution: goTime(service.job.lastExecutedAt),
          },
  };
}

function showServiceSpec(
  spec: ServiceSpec,
  options: { readonly template: TaskTemplateSpec; readonly insertDefaults: boolean },
): object {
  const { template, insertDefaults } = options;
  return {
    Name: spec.name,
    Labels: spec.labels,
    TaskTemplate: {
      ...showTaskSpec(template, { spec, insertDefaults }),
      Runtime: 'container',
    },
    Mode: showMode(spec.mode),
    UpdateConfig: showUpdate(spec.update, insertDefaults),
    RollbackConfig: showUpdate(spec.rollback, insertDefaults),
    EndpointSpec: showEndpointSpec(spec),
  };
}

/**
 * What a task runs. Placement is the service's: it restarts nothing, so no task has one of its own.
 */
export function showTaskSpec(
  template: TaskTemplateSpec,
  options: { readonly spec: ServiceSpec | undefined; readonly insertDefaults: boolean },
): object {
  const { spec, insertDefaults } = options;
  const fromStack = spec?.labels[stackLabel] !== undefined;
  const [container] = template.containers;
  return {
    ContainerSpec:
      container === undefined ? {} : showContainer(container, { fromStack, insertDefaults }),
    Resources: container === undefined ? undefined : showResources(container, fromStack),
    RestartPolicy: showRestart(template.restart, insertDefaults),
    Placement: spec === undefined ? {} : showPlacement(spec),
    Networks: unlessEmpty(
      template.networks.map((network) => ({
        Target: network.networkId,
        Aliases: unlessEmpty(network.aliases),
        DriverOpts: unlessEmpty({
          ...network.driverOptions,
          ...(network.ipv4Address !== undefined && { [staticAddressOption]: network.ipv4Address }),
        }),
      })),
    ),
    LogDriver:
      template.logDriver === undefined
        ? undefined
        : { Name: template.logDriver.name, Options: unlessEmpty(template.logDriver.options) },
    ForceUpdate: template.forceUpdate,
  };
}

/** `service create` always sends both parts, `stack deploy` only those that say something. */
function showResources(container: ContainerSpec, fromStack: boolean): object {
  const part = (resources: Resources): object | undefined => {
    const shown = {
      NanoCPUs: resources.nanoCpus,
      MemoryBytes: resources.memoryBytes,
      Pids: resources.pids,
    };
    return fromStack && Object.keys(resources).length === 0 ? undefined : shown;
  };
  return { Limits: part(container.limits), Reservations: part(container.reservations) };
}

function showRestart(
  policy: RestartPolicy | undefined,
  insertDefaults: boolean,
): object | undefined {
  if (policy === undefined && !insertDefaults) return undefined;
  const delayMs = policy?.delayMs ?? (insertDefaults ? restartDefaults.delayMs : undefined);
  return {
    Condition: policy?.condition ?? restartDefaults.condition,
    Delay: delayMs === undefined ? undefined : toNanoseconds(delayMs),
    MaxAttempts: policy?.maxAttempts ?? restartDefaults.maxAttempts,
    Window: policy?.windowMs === undefined ? undefined : toNanoseconds(policy.windowMs),
  };
}

function showPlacement({ placement }: ServiceSpec): object {
  return {
    Constraints: unlessEmpty(placement.constraints),
    Preferences: unlessEmpty(
      placement.preferences.map(({ spread }) => ({ Spread: { SpreadDescriptor: spread } })),
    ),
    MaxReplicas: unlessZero(placement.maxReplicasPerNode),
    Platforms: unlessEmpty(
      placement.platforms.map((platform) => ({
        Architecture: platform.architecture,
        OS: platform.os,
      })),
    ),
  };
}

function showMode(mode: ServiceMode): object {
  switch (mode.kind) {
    case 'replicated':
      return { Replicated: { Replicas: mode.replicas } };
    case 'global':
      return { Global: {} };
    case 'replicated-job':
      return {
        ReplicatedJob: {
          MaxConcurrent: mode.maxConcurrent,
          TotalCompletions: mode.totalCompletions,
        },
      };
    case 'global-job':
      return { GlobalJob: {} };
  }
}

function showUpdate(
  settings: UpdateSettings | undefined,
  insertDefaults: boolean,
): object | undefined {
  if (settings === undefined) {
    return insertDefaults ? showUpdate({ monitorMs: updateDefaults.monitorMs }, false) : undefined;
  }
  const monitorMs = settings.monitorMs ?? (insertDefaults ? updateDefaults.monitorMs : undefined);
  return {
    Parallelism: settings.parallelism ?? updateDefaults.parallelism,
    Delay: settings.delayMs === undefined ? undefined : unlessZero(toNanoseconds(settings.delayMs)),
    FailureAction: settings.failureAction ?? updateDefaults.failureAction,
    Monitor: monitorMs === undefined ? undefined : toNanoseconds(monitorMs),
    MaxFailureRatio: settings.maxFailureRatio ?? updateDefaults.maxFailureRatio,
    Order: settings.order ?? updateDefaults.order,
  };
}

function showEndpointSpec(spec: ServiceSpec): object {
  return { Mode: spec.endpointMode, Ports: unlessEmpty(spec.ports.map(showPort)) };
}

function showPort(port: PublishedPort): object {
  return {
    Name: port.name,
    Protocol: port.protocol,
    TargetPort: port.targetPort,
    PublishedPort: port.publishedPort,
    PublishMode: port.mode,
  };
}

/** Swarm shows no endpoint where there was nothing to allocate. */
function showEndpoint(service: Service): object {
  if (service.virtualAddresses.length === 0 && service.publishedPorts.length === 0) {
    return { Spec: {} };
  }
  return {
    Spec: showEndpointSpec(service.spec),
    Ports: unlessEmpty(service.publishedPorts.map(showPort)),
    VirtualIPs: unlessEmpty(
      service.virtualAddresses.map((vip) => ({ NetworkID: vip.networkId, Addr: vip.address })),
    ),
  };
}

function showUpdateStatus(update: UpdateStatus): object {
  return {
    State: update.state,
    StartedAt: goTime(update.startedAt),
    CompletedAt: update.completedAt === undefined ? undefined : goTime(update.completedAt),
    Message: updateText(update),
  };
}
