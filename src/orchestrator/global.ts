import type { Node } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { Service } from '../model/service.ts';
import type { View } from '../store/view.ts';
import { placementMismatch } from './eviction.ts';
import { fillSlot } from './fill-slot.ts';
import type { PlanContext } from './plan.ts';
import type { Slot } from './slot.ts';

function isGlobal(service: Service): boolean {
  const { kind } = service.spec.mode;
  return kind === 'global' || kind === 'global-job';
}

/** Whether new tasks may be put on the node now. */
export function acceptsTasks(node: Node, observed: Observed): boolean {
  return node.spec.availability === 'active' && observed.node(node.id)?.state === 'ready';
}

/**
 * Makes the node's task where there is none and may be one: one slot for each node that the
 * placement allows.
 */
export function fillGlobalSlot(
  view: View,
  slot: Slot,
  of: { readonly nodeId: string; readonly context: PlanContext },
): void {
  const { service } = slot;
  const { nodeId, context } = of;
  const node = view.nodes.get(nodeId);
  if (slot.head !== undefined || node === undefined || service.removing === true) return;
  if (!isGlobal(service) || !acceptsTasks(node, context.observed)) return;
  if (placementMismatch(node, service.spec.placement, context.now) !== undefined) return;
  fillSlot(view, slot, { at: { slot: 0, targetNodeId: nodeId }, context });
}
