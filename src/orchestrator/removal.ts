import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { View } from '../store/view.ts';
import type { Step } from './step.ts';
import { reasonOf } from './plan.ts';
import type { Slot } from './slot.ts';

export function removalReason(service: Service, since: Instant): Reason {
  const message = `the service ${service.spec.name} was removed`;
  return reasonOf('service-removed', { message, since });
}

/** The row of a removed service goes with its last task. */
export function finishRemoval(view: View, slot: Slot): void {
  const { service, draft } = slot;
  if (service.removing !== true || slot.tasks.length > 0) return;
  const deleted = draft.steps.filter((step) => step.kind === 'delete-task').length;
  if (view.tasks.count('service', service.id) > deleted) return;
  draft.push(...deletionOf(view, service));
}

/** Deletes the service's row and its templates. */
export function deletionOf(view: View, service: Service): readonly Step[] {
  const steps: Step[] = [{ kind: 'delete-service', serviceId: service.id }];
  for (const template of view.templates.by('service', service.id)) {
    steps.push({ kind: 'delete-template', templateId: template.id });
  }
  return steps;
}
