import { unreachable } from '../lib/assert.ts';
import type { Service } from '../model/service.ts';
import type { View } from '../store/view.ts';
import { mayStart } from './dependencies.ts';
import { planGlobal } from './global.ts';
import { planReplicatedJob } from './job.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { deletionOf, removalReason } from './removal.ts';
import { planReplicated, slotsOf } from './replicated.ts';
import { removeAll } from './slot.ts';

/**
 * What to do about a service whose row changed: it walks all of its slots, so that whatever was
 * missed is found. What happens to single tasks goes through `planSlot`.
 */
export function planService(view: View, serviceId: string, context: PlanContext): Plan {
  const service = view.services.get(serviceId);
  if (service === undefined) return nothingToDo;
  const draft = new PlanDraft();
  if (service.removing === true) {
    planRemoval(view, { service, context }, draft);
    return draft.finish();
  }
  planMode(view, { service, context }, draft);
  if (!mayStart(view, service)) {
    draft.follow({ kind: 'dependencies', serviceId });
  }
  draft.follow({ kind: 'update', serviceId });
  return draft.finish();
}

function planMode(
  view: View,
  of: { readonly service: Service; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { mode } = of.service.spec;
  switch (mode.kind) {
    case 'replicated':
      return planReplicated(view, { ...of, replicas: mode.replicas }, draft);
    case 'global':
    case 'global-job':
      return planGlobal(view, of, draft);
    case 'replicated-job':
      return planReplicatedJob(view, of, draft);
    default:
      return unreachable(mode);
  }
}

/** Tasks are told to go; the service's row goes with the last of theirs. */
function planRemoval(
  view: View,
  of: { readonly service: Service; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { service, context } = of;
  const reason = removalReason(service, context.now);
  let left = 0;
  for (const slot of slotsOf(view, service).values()) {
    if (draft.steps.length >= context.stepsLeft) {
      draft.follow({ kind: 'service', serviceId: service.id });
      return;
    }
    removeAll(slot, reason);
    left += slot.tasks.length;
    draft.add(slot.draft.finish());
  }
  if (left === 0) draft.push(...deletionOf(view, service));
}
