import { stackLabel } from '../model/labels.ts';
import type { Service } from '../model/service.ts';
import type { View } from '../store/view.ts';
import {
  checkValues,
  type Filters,
  labelValue,
  matchesAny,
  matchesLabels,
  matchesPrefix,
} from './filters.ts';

export const serviceFilters = ['id', 'name', 'label', 'mode', 'runtime'] as const;

const modes = ['replicated', 'global', 'replicated-job', 'global-job'] as const;

/** Services that pass the filters, in the order of their ids, as Swarm lists them. */
export function listServices(view: View, filters: Filters): readonly Service[] {
  checkValues(filters, 'mode', modes);
  checkValues(filters, 'runtime', ['container']);
  const stack = labelValue(filters, stackLabel);
  const candidates = stack === undefined ? view.services.all() : view.services.by('stack', stack);
  return [...candidates]
    .filter(
      (service) =>
        service.removing !== true &&
        matchesPrefix(filters, 'id', service.id) &&
        matchesPrefix(filters, 'name', service.spec.name) &&
        matchesLabels(filters, 'label', service.spec.labels) &&
        matchesAny(filters, 'mode', (mode) => mode === service.spec.mode.kind),
    )
    .toSorted(byId);
}

export function byId(left: { readonly id: string }, right: { readonly id: string }): number {
  return left.id < right.id ? -1 : Number(left.id > right.id);
}
