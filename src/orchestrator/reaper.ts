import type { View } from '../store/view.ts';
import type { Plan } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { slotUnit } from './unit.ts';

/** Deletes a template to which neither a task nor its service refers any more. */
export function planTemplate(view: View, templateId: string): Plan {
  const template = view.templates.get(templateId);
  if (template === undefined || view.tasks.count('template', templateId) > 0) return nothingToDo;
  const service = view.services.get(template.serviceId);
  if (service?.templateId === templateId || service?.previous?.templateId === templateId) {
    return nothingToDo;
  }
  return { steps: [{ kind: 'delete-template', templateId }], follow: [] };
}

/** Deletes a removed network once no task holds an address on it and no service declares it. */
export function planNetwork(view: View, networkId: string): Plan {
  const network = view.networks.get(networkId);
  if (network?.removing !== true || view.tasks.count('network', networkId) > 0) return nothingToDo;
  for (const template of view.templates.by('network', networkId)) {
    const service = view.services.get(template.serviceId);
    if (service?.templateId === template.id && service.removing !== true) return nothingToDo;
  }
  return { steps: [{ kind: 'delete-network', networkId }], follow: [] };
}

/**
 * The slots that a change of a node touches: those of its tasks, and its slot in each global
 * service.
 */
export function planNode(view: View, nodeId: string): Plan {
  const draft = new PlanDraft();
  const node = view.nodes.get(nodeId);
  for (const task of view.tasks.by('node', nodeId)) {
    if (task.end === undefined || node === undefined) draft.follow(slotUnit(task));
  }
  if (node !== undefined) {
    for (const service of view.services.by('global', 'yes')) {
      draft.follow(slotUnit({ serviceId: service.id, slot: 0, targetNodeId: nodeId }));
      draft.follow({ kind: 'update', serviceId: service.id });
    }
  }
  return draft.finish();
}
