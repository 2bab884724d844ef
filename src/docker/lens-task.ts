import type { TaskStatus } from '../manager/control-plane.ts';
import { unreachable } from '../lib/assert.ts';
import { ipv6AddressOf, ipv6Of } from '../model/ipv6.ts';
import type { Network } from '../model/network.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { DesiredState, TaskState } from '../model/task-state.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { goTime } from './go-time.ts';
import { showAttachedNetwork } from './lens-network.ts';
import { showTaskSpec } from './lens-service.ts';
import { unlessEmpty, unlessZero } from './omit-empty.ts';
import { errorOf } from './task-error.ts';

export interface TaskParts {
  readonly status: TaskStatus;
  readonly template: TaskTemplateSpec;
  /** Undefined once the service is gone while its tasks still stop. */
  readonly service: Service | undefined;
  readonly network: (networkId: string) => Network | undefined;
}

/** A task as Docker's JSON, keys in the order of Go's structs (moby api/types/swarm/task.go). */
export function showTask(parts: TaskParts): object {
  const { status, template, service } = parts;
  const { task } = status;
  return {
    ID: task.id,
    Version: { Index: service?.version ?? 0 },
    CreatedAt: goTime(task.createdAt),
    UpdatedAt: goTime(Math.max(task.createdAt, status.since)),
    Labels: {},
    Spec: showTaskSpec(template, { spec: service?.spec, insertDefaults: false }),
    ServiceID: task.serviceId,
    Slot: unlessZero(task.slot),
    NodeID: task.nodeId,
    Status: showStatus(parts),
    DesiredState: desiredName(task.desired),
    NetworksAttachments: unlessEmpty(showAttachments(task, parts)),
    JobIteration: task.iteration === undefined ? undefined : { Index: unlessZero(task.iteration) },
  };
}

function showStatus(parts: TaskParts): object {
  const { status, template } = parts;
  const image = template.containers[0]?.image ?? '';
  return {
    Timestamp: goTime(status.since),
    State: status.state,
    Message: messageOf(status.state),
    Err: errorOf(status, image),
    ContainerStatus: showContainerStatus(status),
    PortStatus: {
      Ports: unlessEmpty(
        (status.observed?.hostPorts ?? []).map((port) => ({
          Protocol: port.protocol,
          TargetPort: port.targetPort,
          PublishedPort: port.publishedPort,
          PublishMode: 'host',
        })),
      ),
    },
  };
}

/** There once the agent came as far as creating a container, with an empty id where that failed. */
function showContainerStatus(status: TaskStatus): object | undefined {
  const container = status.observed?.containers[0];
  const { end } = status.task;
  const exitCode = end?.exitCode ?? status.observed?.exitCode ?? container?.exitCode;
  const failedEarly = status.state === 'rejected' && status.task.nodeId !== undefined;
  if (container === undefined && exitCode === undefined && !failedEarly) return undefined;
  return {
    ContainerID: container?.containerId ?? '',
    PID: end === undefined ? (container?.pid ?? 0) : 0,
    ExitCode: exitCode ?? 0,
  };
}

/**
 * What Swarm says at each state (swarmkit agent/exec/controller.go, manager/{allocator,scheduler}).
 */
function messageOf(state: TaskState): string {
  switch (state) {
    case 'new':
      return 'created';
    case 'pending':
      return 'pending task scheduling';
    case 'assigned':
      return 'scheduler assigned task to node';
    case 'accepted':
      return 'accepted';
    case 'preparing':
    case 'rejected':
      return 'preparing';
    case 'ready':
      return 'prepared';
    case 'starting':
      return 'starting';
    case 'running':
    case 'failed':
      return 'started';
    case 'complete':
      return 'finished';
    case 'shutdown':
      return 'shutdown';
    case 'orphaned':
      return 'node is gone';
    default:
      return unreachable(state);
  }
}

function desiredName(desired: DesiredState): string {
  return desired === 'removed' ? 'remove' : desired;
}

/** The ingress network first, as Swarm lists it. */
function showAttachments(task: Task, parts: TaskParts): readonly object[] {
  const attached = task.addresses.flatMap(({ networkId, address }) => {
    const network = parts.network(networkId);
    return network === undefined ? [] : [{ network, address }];
  });
  attached.sort(
    (left, right) => Number(right.network.spec.ingress) - Number(left.network.spec.ingress),
  );
  return attached.map(({ network, address }) => ({
    Network: showAttachedNetwork(network),
    Addresses: [address, ...ipv6AddressesOf(network, address)],
  }));
}

function ipv6AddressesOf(network: Network, address: string): readonly string[] {
  const [ipv4] = network.subnets;
  const ipv6 = ipv6Of(network);
  if (ipv4 === undefined || ipv6 === undefined) return [];
  const found = ipv6AddressOf({ subnet: ipv4.subnet, ipv6 }, address);
  return found === undefined ? [] : [`${found}/${ipv6.subnet.split('/')[1]}`];
}
