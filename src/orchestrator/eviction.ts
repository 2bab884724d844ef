import { unmetConstraint } from '../model/constraint.ts';
import type { Instant } from '../model/instant.ts';
import type { Node } from '../model/node.ts';
import { runsPlatform } from '../model/platform.ts';
import type { Reason } from '../model/reason.ts';
import type { Placement, Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import { reasonOf } from './plan.ts';

/** Why the placement does not allow the node; `undefined` when it does. */
export function placementMismatch(
  node: Node,
  placement: Placement,
  since: Instant,
): Reason | undefined {
  const name = node.description.hostname;
  const unmet = unmetConstraint(node, placement.constraints);
  if (unmet !== undefined) {
    const message = `node ${name} does not meet the placement constraint ${unmet}`;
    return reasonOf('constraint-unmet', { message, since });
  }
  if (!runsPlatform(node.description, placement.platforms)) {
    const { os, architecture } = node.description;
    const message = `node ${name} is ${os}/${architecture}, for which the image was not built`;
    return reasonOf('platform-mismatch', { message, since });
  }
  return undefined;
}

/** Why the task may not stay where it is; `undefined` when it may, or has no place yet. */
export function reasonToLeave(
  view: View,
  of: { readonly service: Service; readonly task: Task; readonly now: Instant },
): Reason | undefined {
  const { service, task, now } = of;
  const nodeId = task.nodeId ?? task.targetNodeId;
  const node = nodeId === undefined ? undefined : view.nodes.get(nodeId);
  if (node === undefined) return undefined;
  if (node.spec.availability === 'drain') {
    const message = `node ${node.description.hostname} is being drained`;
    return reasonOf('node-drained', { message, since: now });
  }
  return placementMismatch(node, service.spec.placement, now) ?? networkMismatch(view, of);
}

/**
 * Ports can be published without a new template, but their traffic comes in on the ingress network.
 */
function networkMismatch(
  view: View,
  of: { readonly service: Service; readonly task: Task; readonly now: Instant },
): Reason | undefined {
  const { service, task, now } = of;
  if (task.nodeId === undefined) return undefined;
  if (!service.spec.ports.some((port) => port.mode === 'ingress')) return undefined;
  for (const network of view.networks.by('ingress', 'yes')) {
    if (network.removing === true) continue;
    if (task.addresses.some((one) => one.networkId === network.id)) continue;
    const message = `the service publishes ports, and the task is not on network ${network.spec.name}`;
    return reasonOf('update-in-progress', { message, since: now });
  }
  return undefined;
}

/**
 * Why the task has to leave now, update or not. A task that a changed declaration left behind waits
 * for its turn in the update, unless its node is drained.
 */
export function reasonToEvict(
  view: View,
  of: { readonly service: Service; readonly task: Task; readonly now: Instant },
): Reason | undefined {
  const reason = reasonToLeave(view, of);
  if (reason?.code === 'update-in-progress') return undefined;
  if (reason === undefined || reason.code === 'node-drained') return reason;
  return of.task.misplaced === true ? undefined : reason;
}

/** Whether the task is what its slot should hold: right template, right place. */
export function isClean(
  view: View,
  of: { readonly service: Service; readonly task: Task; readonly now: Instant },
): boolean {
  return of.task.templateId === of.service.templateId && reasonToLeave(view, of) === undefined;
}

/** A node that left, or whose row is gone, takes its tasks with it. */
export function isLost(view: View, task: Task): boolean {
  return task.end === undefined && task.nodeId !== undefined && hasLeft(view, task.nodeId);
}

/**
 * Whether the node is none of the cluster any more. Who says that it leaves has stopped its tasks.
 */
export function hasLeft(view: View, nodeId: string): boolean {
  const node = view.nodes.get(nodeId);
  return node === undefined || node.leftAt !== undefined;
}
