import { TuttiError } from '../lib/error.ts';
import { stackLabel } from '../model/labels.ts';
import type { Task } from '../model/task.ts';
import { taskStates } from '../model/task-state.ts';
import type { View } from '../store/view.ts';
import { findNode, findService, findTask } from './find.ts';
import {
  checkValues,
  type Filters,
  labelValue,
  matchesAny,
  matchesLabels,
  matchesPrefix,
  parseFilters,
} from './filters.ts';
import { showTask } from './lens-task.ts';
import { type DockerRoute, inCluster, type ManagerContext } from './manager-context.ts';
import { jsonReply } from './reply.ts';
import { param } from './request.ts';
import { serviceLogs } from './service-logs.ts';
import { byId } from './service-list.ts';

const taskFilters = [
  '_up-to-date',
  'desired-state',
  'id',
  'label',
  'name',
  'node',
  'runtime',
  'service',
] as const;

export function taskRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { view } = context.controlPlane;
  const route = (pattern: string, handler: DockerRoute['handler']): DockerRoute => ({
    method: 'GET',
    pattern,
    handler: inCluster(context, handler),
  });
  return [
    route('/tasks', async ({ http }) => {
      const filters = parseFilters(http.query.get('filters'), taskFilters);
      return jsonReply(listTasks(context, filters).map((task) => show(context, task)));
    }),
    route('/tasks/:id', async (request) =>
      jsonReply(show(context, findTask(view, param(request, 'id')))),
    ),
    route('/tasks/:id/logs', async (request) =>
      serviceLogs(context, { request, tasks: [findTask(view, param(request, 'id'))] }),
    ),
  ];
}

function show(context: ManagerContext, task: Task): object {
  const { view } = context.controlPlane;
  const template = view.templates.get(task.templateId);
  if (template === undefined) {
    throw new TuttiError('internal', `task ${task.id} has no template ${task.templateId}`);
  }
  return showTask({
    status: context.controlPlane.taskStatus(task),
    template: template.spec,
    service: view.services.get(task.serviceId),
    network: (networkId) => view.networks.get(networkId),
  });
}

function listTasks(context: ManagerContext, given: Filters): readonly Task[] {
  const { view, nodeId } = context.controlPlane;
  checkValues(given, 'desired-state', [...taskStates, 'remove']);
  checkValues(given, 'runtime', ['container']);
  checkValues(given, '_up-to-date', ['true', 'false']);
  const services = (given.get('service') ?? []).map((one) => findService(view, one).id);
  const nodes = (given.get('node') ?? []).map(
    (reference) => findNode(view, { reference, self: nodeId }).id,
  );
  const upToDate = given.get('_up-to-date')?.[0];
  return [...candidates(view, { services, nodes, stack: labelValue(given, stackLabel) })]
    .filter((task) => {
      const service = view.services.get(task.serviceId);
      return (
        (services.length === 0 || services.includes(task.serviceId)) &&
        (nodes.length === 0 || nodes.includes(task.nodeId ?? '')) &&
        matchesPrefix(given, 'id', task.id) &&
        matchesPrefix(given, 'name', nameOf(task, service?.spec.name ?? task.serviceId)) &&
        matchesLabels(given, 'label', service?.spec.labels ?? {}) &&
        matchesAny(given, 'desired-state', (state) => state === desiredName(task)) &&
        (upToDate === undefined || String(isUpToDate(task, service?.templateId)) === upToDate)
      );
    })
    .toSorted(byId);
}

/** The narrowest index that holds all of them. */
function* candidates(
  view: View,
  by: {
    readonly services: readonly string[];
    readonly nodes: readonly string[];
    readonly stack: string | undefined;
  },
): Iterable<Task> {
  if (by.services.length > 0) {
    for (const id of new Set(by.services)) yield* view.tasks.by('service', id);
  } else if (by.nodes.length > 0) {
    for (const id of new Set(by.nodes)) yield* view.tasks.by('node', id);
  } else if (by.stack !== undefined) {
    for (const service of view.services.by('stack', by.stack)) {
      yield* view.tasks.by('service', service.id);
    }
  } else {
    yield* view.tasks.all();
  }
}

function nameOf(task: Task, serviceName: string): string {
  return `${serviceName}.${task.slot > 0 ? task.slot : (task.nodeId ?? '')}.${task.id}`;
}

function desiredName(task: Task): string {
  return task.desired === 'removed' ? 'remove' : task.desired;
}

/** The CLI watches an update's progress by those tasks that run what the service says now. */
function isUpToDate(task: Task, templateId: string | undefined): boolean {
  return task.templateId === templateId;
}
