import { unreachable } from '../lib/assert.ts';
import type { Service } from '../model/service.ts';
import type { View } from '../store/view.ts';
import { mayStart } from './dependencies.ts';
import type { Plan } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { deletionOf } from './removal.ts';
import { slotUnit } from './unit.ts';

/**
 * What to do about a service whose row changed: to look at all of its slots, so that whatever was
 * missed is found. Each slot is a unit of its own, so that a service of any size is planned in
 * pieces; what holds of all of them follows from indexes.
 */
export function planService(view: View, serviceId: string): Plan {
  const service = view.services.get(serviceId);
  if (service === undefined) return nothingToDo;
  const draft = new PlanDraft();
  for (const task of view.tasks.by('service', serviceId)) draft.follow(slotUnit(task));
  if (service.removing === true) {
    // The row goes with the last task, and that is the matter of the task's slot.
    if (view.tasks.count('service', serviceId) === 0) draft.push(...deletionOf(view, service));
    return draft.finish();
  }
  followMode(view, service, draft);
  if (!mayStart(view, service)) draft.follow({ kind: 'dependencies', serviceId });
  draft.follow({ kind: 'update', serviceId });
  draft.follow({ kind: 'moves', serviceId });
  return draft.finish();
}

function followMode(view: View, service: Service, draft: PlanDraft): void {
  const { id: serviceId } = service;
  switch (service.spec.mode.kind) {
    case 'replicated':
      draft.follow({ kind: 'scale', serviceId });
      return;
    case 'global':
    case 'global-job':
      for (const node of view.nodes.all()) {
        draft.follow(slotUnit({ serviceId, slot: 0, targetNodeId: node.id }));
      }
      return;
    case 'replicated-job':
      return;
    default:
      unreachable(service.spec.mode);
  }
}
