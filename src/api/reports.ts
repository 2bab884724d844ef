import type { ControlPlane } from '../manager/control-plane.ts';
import type { Network } from '../model/network.ts';
import type {
  NodeReport,
  ServiceReport,
  StackReport,
  StatusReport,
  TaskReport,
} from '../model/report.ts';
import { heldText } from '../model/node.ts';
import type { Service, UpdateStatus } from '../model/service.ts';
import { activeTasks, isProblem } from './task-reports.ts';

/** A service with how far it is. */
export function reportService(controlPlane: ControlPlane, service: Service): ServiceReport {
  const { view, observed } = controlPlane;
  const tasks = activeTasks(controlPlane, service.id);
  // What runs on a node that is down nobody knows.
  const isKnown = ({ nodeId = '' }: TaskReport) => observed.node(nodeId)?.state !== 'down';
  const known = tasks.filter(isKnown);
  const running = known.filter((task) => task.current && task.state === 'running').length;
  const completed = service.job?.completions ?? finishedTasks(controlPlane, service);
  const wanted = wantedTasks(service, known);
  const isJob = service.spec.mode.kind.endsWith('-job');
  const isUpdating =
    service.update?.state === 'updating' || service.update?.state === 'rollback_started';
  const settled = isJob
    ? completed >= wanted
    : running + completed >= wanted && tasks.every(isSettled);
  const template = view.templates.get(service.templateId);
  const problems = describePortProblems(controlPlane, service.id);
  return {
    id: service.id,
    name: service.spec.name,
    mode: service.spec.mode.kind,
    image: template?.spec.containers[0]?.image ?? '',
    wanted,
    running,
    completed,
    converged: settled && !isUpdating && service.removing !== true,
    ports: service.publishedPorts,
    ...(problems.length > 0 && { portProblems: problems }),
    removing: service.removing === true,
    ...(service.update !== undefined && { update: service.update }),
  };
}

function describePortProblems(controlPlane: ControlPlane, serviceId: string): readonly string[] {
  const { view, observed } = controlPlane;
  return observed.portProblems(serviceId).map(({ nodeId, message }) => {
    const node = view.nodes.get(nodeId)?.description.hostname ?? nodeId;
    return `on ${node} ${message}`;
  });
}

function isSettled(task: TaskReport): boolean {
  return task.spent === true || (task.current && task.state === 'running');
}

/** Slots whose task came to a good end, and whose restart policy leaves it at that. */
function finishedTasks(controlPlane: ControlPlane, service: Service): number {
  let count = 0;
  for (const task of controlPlane.view.tasks.by('current', service.templateId)) {
    if (task.spent === true && task.end?.state === 'complete') count += 1;
  }
  return count;
}

function wantedTasks(service: Service, tasks: readonly TaskReport[]): number {
  const { mode } = service.spec;
  switch (mode.kind) {
    case 'replicated':
      return mode.replicas;
    case 'replicated-job':
      return mode.totalCompletions;
    case 'global':
    case 'global-job':
      return tasks.filter(
        (task) =>
          task.spent === true || (task.desired !== 'shutdown' && task.desired !== 'removed'),
      ).length;
  }
}

/** Everything that carries the stack's label; undefined when nothing does. */
export function reportStack(controlPlane: ControlPlane, name: string): StackReport | undefined {
  const { view } = controlPlane;
  const services = [...view.services.by('stack', name)].toSorted((left, right) =>
    left.spec.name.localeCompare(right.spec.name),
  );
  const networks = [...view.networks.by('stack', name)];
  const secrets = [...view.secrets.by('stack', name)];
  const configs = [...view.configs.by('stack', name)];
  if (services.length + networks.length + secrets.length + configs.length === 0) return undefined;
  const reports = services.map((service) => reportService(controlPlane, service));
  return {
    name,
    services: reports,
    tasks: services.flatMap((service) => activeTasks(controlPlane, service.id)),
    networks: networks.map((network: Network) => network.spec.name),
    secrets: secrets.map((secret) => secret.spec.name),
    configs: configs.map((config) => config.spec.name),
    converged: reports.every((report) => report.converged),
  };
}

/** Names of the stacks that have any object. */
export function stackNames(controlPlane: ControlPlane): readonly string[] {
  const { view } = controlPlane;
  const names = new Set<string>();
  for (const table of ['services', 'networks', 'secrets', 'configs'] as const) {
    for (const name of view[table].keys('stack')) names.add(name);
  }
  return [...names].toSorted();
}

/** The cluster at a glance, with what is wrong first. */
export function reportStatus(controlPlane: ControlPlane): StatusReport {
  const { view } = controlPlane;
  const services = [...view.services.all()].map((service) => reportService(controlPlane, service));
  const tasks = [...view.services.all()].flatMap((service) =>
    activeTasks(controlPlane, service.id),
  );
  const clusterId = controlPlane.cluster()?.id;
  return {
    ...(clusterId !== undefined && { clusterId }),
    revision: view.revision,
    nodes: [...view.nodes.all()].map((node) => reportNode(controlPlane, node.id)),
    stacks: stackNames(controlPlane),
    services: services.length,
    runningTasks: services.reduce((sum, service) => sum + service.running, 0),
    completedTasks: services.reduce((sum, service) => sum + service.completed, 0),
    wantedTasks: services.reduce((sum, service) => sum + service.wanted, 0),
    problems: tasks.filter(isProblem),
    portProblems: services.flatMap(({ name, portProblems }) =>
      (portProblems ?? []).map((problem) => `${name}: ${problem}`),
    ),
    stalledUpdates: services.flatMap(({ name, update }) =>
      update !== undefined && hasStalled(update) ? [{ service: name, update }] : [],
    ),
  };
}

function hasStalled({ state }: UpdateStatus): boolean {
  return state === 'paused' || state === 'rollback_paused' || state === 'rollback_completed';
}

/** A node at a glance. */
export function reportNode(controlPlane: ControlPlane, nodeId: string): NodeReport {
  const { view } = controlPlane;
  const node = view.nodes.get(nodeId);
  const held = node && heldText(node.description);
  const version = node?.description.programVersion;
  const tasks = [...view.tasks.by('node', nodeId)].filter(
    (task) => controlPlane.taskStatus(task).state === 'running',
  );
  return {
    id: nodeId,
    hostname: node?.description.hostname ?? '',
    address: node?.description.address ?? '',
    role: node?.spec.role ?? 'worker',
    availability: node?.spec.availability ?? 'active',
    state: controlPlane.observed.node(nodeId)?.state ?? 'unknown',
    tasks: tasks.length,
    ...(version !== undefined && { version }),
    ...(held !== undefined && { held }),
  };
}
