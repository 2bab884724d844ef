import type { Node } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { Service } from '../model/service.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { placementMismatch } from './eviction.ts';
import { fillSlot } from './fill-slot.ts';
import { markMisplaced } from './misplaced.ts';
import type { PlanContext, PlanDraft } from './plan.ts';
import { slotsOf } from './replicated.ts';
import { planSlotTasks } from './slot-tasks.ts';
import { Slot } from './slot.ts';

function isGlobal(service: Service): boolean {
  const { kind } = service.spec.mode;
  return kind === 'global' || kind === 'global-job';
}

/** Whether new tasks may be put on the node now. */
export function acceptsTasks(node: Node, observed: Observed): boolean {
  return node.spec.availability === 'active' && observed.node(node.id)?.state === 'ready';
}

/** One slot for each node that the placement allows. Walks all nodes and all slots. */
export function planGlobal(
  view: View,
  of: { readonly service: Service; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { service, context } = of;
  const slots = new Map(slotsOf(view, service));
  for (const node of view.nodes.all()) {
    const key = slotKey({ serviceId: service.id, slot: 0, targetNodeId: node.id });
    const slot = slots.get(key) ?? new Slot(service, []);
    slots.delete(key);
    markMisplaced(view, slot, context);
    planSlotTasks(view, slot, context);
    fillGlobalSlot(view, slot, { nodeId: node.id, context });
    draft.add(slot.draft.finish());
  }
  for (const slot of slots.values()) {
    planSlotTasks(view, slot, context);
    draft.add(slot.draft.finish());
  }
}

/** Makes the node's task where there is none and may be one. */
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
