import type { DiscoveryView } from '../host/node-network.ts';
import { changedKeys, LayeredMap } from '../lib/layered-map.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';

/** A service with its tasks: what most of discovery follows from. */
export interface ServiceGroup {
  readonly serviceId: string;
  /** Absent where tasks are left of a service whose row is gone. */
  readonly service: CatalogService | undefined;
  /** Ready or not. */
  readonly tasks: readonly CatalogTask[];
}

/**
 * The services of views that follow on each other, by id. A group that is as it was stays the same
 * object, and finding those that are not costs what changed.
 */
export class ServiceGroups {
  readonly #known = new LayeredMap<string, ServiceGroup>();
  #before: Pick<DiscoveryView, 'services' | 'tasks'> = { services: new Map(), tasks: new Map() };

  of(view: Pick<DiscoveryView, 'services' | 'tasks'>): ReadonlyMap<string, ServiceGroup> {
    const before = this.#before;
    const changed = new Map<string, Map<string, CatalogTask>>();
    /** The tasks of a service that changes. */
    const tasksOf = (serviceId: string): Map<string, CatalogTask> => {
      const known = changed.get(serviceId);
      if (known !== undefined) return known;
      const tasks = this.#known.get(serviceId)?.tasks ?? [];
      const byId = new Map(tasks.map((task) => [task.taskId, task]));
      changed.set(serviceId, byId);
      return byId;
    };
    for (const serviceId of changedKeys(before.services, view.services)) tasksOf(serviceId);
    for (const taskId of changedKeys(before.tasks, view.tasks)) {
      const old = before.tasks.get(taskId);
      const recent = view.tasks.get(taskId);
      if (old !== undefined) tasksOf(old.serviceId).delete(taskId);
      if (recent !== undefined) tasksOf(recent.serviceId).set(taskId, recent);
    }
    for (const [serviceId, tasks] of changed) this.#make(serviceId, { view, tasks });
    this.#before = view;
    return this.#known.snapshot();
  }

  #make(
    serviceId: string,
    of: {
      readonly view: Pick<DiscoveryView, 'services'>;
      readonly tasks: ReadonlyMap<string, CatalogTask>;
    },
  ): void {
    const service = of.view.services.get(serviceId);
    if (service === undefined && of.tasks.size === 0) this.#known.delete(serviceId);
    else this.#known.set(serviceId, { serviceId, service, tasks: inOrder(of.tasks) });
  }
}

/** Their order is that of their ids, whichever came first: one view is shown in one way. */
function inOrder(tasks: ReadonlyMap<string, CatalogTask>): readonly CatalogTask[] {
  return [...tasks.values()].toSorted((one, other) => (one.taskId < other.taskId ? -1 : 1));
}

/** Of one view alone. */
export function groupServices(
  view: Pick<DiscoveryView, 'services' | 'tasks'>,
): ReadonlyMap<string, ServiceGroup> {
  return new ServiceGroups().of(view);
}
