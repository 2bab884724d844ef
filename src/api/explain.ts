import type { ControlPlane } from '../manager/control-plane.ts';
import { TuttiError } from '../lib/error.ts';
import type { Explanation, ServiceReport, TaskReport } from '../model/report.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { updateText } from '../model/update-text.ts';
import { isWanted, nameKey } from '../store/schema.ts';
import { reportService } from './reports.ts';
import { activeTasks, isProblem, reportTask } from './task-reports.ts';

/**
 * Why a task is in the state in which it is.
 *
 * @throws TuttiError `not-found` or, when a prefix fits several, `invalid-argument`.
 */
export function explainTask(controlPlane: ControlPlane, reference: string): Explanation {
  const task = findTask(controlPlane, reference);
  const hint =
    task.reason?.hint ?? (task.state === 'running' ? undefined : task.failure?.reason.hint);
  const container = controlPlane.observed.task(task.id)?.containers[0]?.containerId;
  return {
    subject: `${task.name} (${task.id}), ${task.image}`,
    lines: [
      describeState(task, controlPlane.now()),
      ...describeReason(task),
      ...describeFailure(task, controlPlane.now()),
      ...(container === undefined ? [] : [`its container is ${container.slice(0, 12)}`]),
    ],
    ...(hint !== undefined && { hint }),
  };
}

/**
 * How far a service is, and why each of its tasks that does not run does not.
 *
 * @throws TuttiError `not-found`
 */
export function explainService(controlPlane: ControlPlane, reference: string): Explanation {
  const service = findService(controlPlane, reference);
  const report = reportService(controlPlane, service);
  const waiting = activeTasks(controlPlane, service.id).filter(isProblem);
  const { update } = service;
  const reasons = waiting.flatMap((task) => [task.reason, task.failure?.reason]);
  const hint = reasons.find((reason) => reason?.hint !== undefined)?.hint;
  return {
    subject: `${report.name} (${report.id}), ${report.image}`,
    lines: [
      describeCounts(report),
      ...(update === undefined ? [] : [`update ${update.state}: ${updateText(update)}`]),
      ...waiting.map(
        (task) => `${task.name} is ${task.state}: ${task.reason?.message ?? 'no reason is known'}`,
      ),
      ...pastFailures(controlPlane, service),
      ...report.ports.map(describePort),
      ...(report.portProblems ?? []),
    ],
    ...(hint !== undefined && { hint }),
  };
}

function describeCounts({ running, completed, wanted, removing }: ServiceReport): string {
  const finished = completed === 0 ? '' : `, ${completed} came to a good end`;
  return `${running} of ${wanted} tasks run${finished}${removing ? '; it is being removed' : ''}`;
}

function describePort(port: ServiceReport['ports'][number]): string {
  const where = port.mode === 'host' ? 'each node that runs a task' : 'every node';
  const published = `port ${port.publishedPort ?? 'not chosen yet'}/${port.protocol} of ${where}`;
  return `${published} leads to port ${port.targetPort} of its tasks`;
}

const shownFailures = 3;

/** Each way in which tasks of the service failed lately, once, the latest first. */
function pastFailures(controlPlane: ControlPlane, service: Service): readonly string[] {
  const ended = [...controlPlane.view.tasks.by('service', service.id)]
    .flatMap(({ end, spent }) =>
      spent !== true && (end?.state === 'failed' || end?.state === 'rejected') ? [end] : [],
    )
    .toSorted((left, right) => right.at - left.at);
  const byMessage = Map.groupBy(ended, ({ reason }) => reason.message);
  return [...byMessage].slice(0, shownFailures).map(([message, ends]) => {
    const ago = secondsBetween(ends[0]?.at ?? 0, controlPlane.now());
    const times = ends.length === 1 ? 'an earlier task' : `${ends.length} earlier tasks`;
    return `${times} ${ends[0]?.state}, the last ${ago} ago: ${message}`;
  });
}

function describeState(task: TaskReport, now: number): string {
  const where = task.nodeName === undefined ? 'no node yet' : `node ${task.nodeName}`;
  return `${task.state} for ${secondsBetween(task.since, now)} on ${where}, wanted ${task.desired}`;
}

function describeReason(task: TaskReport): readonly string[] {
  return task.reason === undefined ? [] : [`${task.reason.message} [${task.reason.code}]`];
}

function describeFailure(task: TaskReport, now: number): readonly string[] {
  const { failure, restarts } = task;
  if (failure === undefined) return [];
  const { message, code } = failure.reason;
  const times = restarts > 1 ? `${restarts} restarts so far; ` : '';
  return [
    `${times}the task before it failed ${secondsBetween(failure.at, now)} ago: ${message} [${code}]`,
  ];
}

function secondsBetween(earlier: number, later: number): string {
  return `${(Math.max(0, later - earlier) / 1_000).toFixed(1)} s`;
}

/**
 * The service of that name or id, or the only one whose id begins so.
 *
 * @throws TuttiError `not-found` or, when several fit, `invalid-argument`.
 */
export function findService(controlPlane: ControlPlane, reference: string): Service {
  const { services } = controlPlane.view;
  const named = [...services.by('name', nameKey(reference))];
  // A removed service is still there while its tasks stop, and its name may be another's by now.
  const present = named.find((service) => service.removing !== true) ?? named[0];
  const exact = services.get(reference) ?? present;
  if (exact !== undefined) return exact;
  const near =
    reference === ''
      ? []
      : [...services.all()].filter((service) => service.id.startsWith(reference));
  return only(near, { kind: 'service', reference });
}

function findTask(controlPlane: ControlPlane, reference: string): TaskReport {
  const { tasks } = controlPlane.view;
  const all = [...tasks.all()];
  const exact = tasks.get(reference) ?? currentOf(all.filter(isNamed(controlPlane, reference)));
  if (exact !== undefined) return reportTask(controlPlane, exact);
  const near = reference === '' ? [] : all.filter((task) => task.id.startsWith(reference));
  return reportTask(controlPlane, only(near, { kind: 'task', reference }));
}

/** Of the tasks of one slot, the newest that is wanted; else the newest. */
function currentOf(tasks: readonly Task[]): Task | undefined {
  const newestFirst = tasks.toSorted((left, right) => right.generation - left.generation);
  return newestFirst.find(isWanted) ?? newestFirst[0];
}

/** Whether `service.slot`, or `service.node` for global services, is how a task is called. */
function isNamed(controlPlane: ControlPlane, reference: string): (task: Task) => boolean {
  const { services, nodes } = controlPlane.view;
  return ({ serviceId, slot, nodeId = '' }) => {
    const name = services.get(serviceId)?.spec.name;
    if (`${name}.${slot}` === reference || `${name}.${nodeId}` === reference) return true;
    return slot === 0 && `${name}.${nodes.get(nodeId)?.description.hostname}` === reference;
  };
}

function only<T>(
  found: readonly T[],
  what: { readonly kind: string; readonly reference: string },
): T {
  const [first] = found;
  if (first === undefined) {
    throw new TuttiError('not-found', `no such ${what.kind}: ${what.reference}`, {
      hint:
        what.kind === 'task'
          ? 'tutti stack ps STACK lists the tasks of a stack.'
          : 'docker service ls lists the services; one of a stack is called STACK_NAME.',
    });
  }
  if (found.length > 1) {
    throw new TuttiError(
      'invalid-argument',
      `${what.kind} ${what.reference} is ambiguous (${found.length} matches found)`,
      { field: what.kind, hint: 'Give more characters of the id.' },
    );
  }
  return first;
}
