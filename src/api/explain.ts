import type { ControlPlane } from '../manager/control-plane.ts';
import type { Explanation, TaskReport } from '../model/report.ts';
import type { Service } from '../model/service.ts';
import { nameKey } from '../store/schema.ts';
import { TuttiError } from '../lib/error.ts';
import { reportService, reportTask } from './reports.ts';

/**
 * Why a task is in the state in which it is.
 *
 * @throws TuttiError `not-found` or, when a prefix fits several, `invalid-argument`.
 */
export function explainTask(controlPlane: ControlPlane, reference: string): Explanation {
  const task = findTask(controlPlane, reference);
  const hint = task.reason?.hint;
  return {
    subject: `${task.name} (${task.id})`,
    lines: [describeState(task, controlPlane.now()), ...describeReason(task)],
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
  const waiting = [...controlPlane.view.tasks.by('live', service.id)]
    .map((task) => reportTask(controlPlane, task))
    .filter((task) => task.state !== 'running');
  const last = latestEnds(controlPlane, service);
  const update = service.update;
  const hint = waiting.find((task) => task.reason?.hint !== undefined)?.reason?.hint;
  return {
    subject: `${report.name} (${report.id})`,
    lines: [
      `${report.running} of ${report.wanted} tasks of ${report.image} run`,
      ...(update === undefined ? [] : [`update ${update.state}: ${update.message}`]),
      ...waiting.map(
        (task) => `${task.name}: ${task.state}; ${task.reason?.message ?? 'no reason'}`,
      ),
      ...last,
    ],
    ...(hint !== undefined && { hint }),
  };
}

function latestEnds(controlPlane: ControlPlane, service: Service): readonly string[] {
  const ended = [...controlPlane.view.tasks.by('service', service.id)]
    .filter((task) => task.end?.state === 'failed' || task.end?.state === 'rejected')
    .toSorted((left, right) => (right.end?.at ?? 0) - (left.end?.at ?? 0));
  return ended.slice(0, 3).map((task) => {
    const ago = secondsBetween(task.end?.at ?? 0, controlPlane.now());
    return `an earlier task of slot ${task.slot} ${task.end?.state} ${ago} ago: ${task.end?.reason.message}`;
  });
}

function describeState(task: TaskReport, now: number): string {
  const where = task.nodeName === undefined ? 'no node yet' : `node ${task.nodeName}`;
  return `${task.state} for ${secondsBetween(task.since, now)} on ${where}, wanted ${task.desired}`;
}

function describeReason(task: TaskReport): readonly string[] {
  return task.reason === undefined ? [] : [`${task.reason.message} [${task.reason.code}]`];
}

function secondsBetween(earlier: number, later: number): string {
  return `${((later - earlier) / 1_000).toFixed(1)} s`;
}

function findService(controlPlane: ControlPlane, reference: string): Service {
  const { services } = controlPlane.view;
  const named = [...services.by('name', nameKey(reference))];
  // A removed service is still there while its tasks stop, and its name may be another's by now.
  const present = named.find((service) => service.removing !== true) ?? named[0];
  const exact = services.get(reference) ?? present;
  if (exact !== undefined) return exact;
  const near = [...services.all()].filter((service) => service.id.startsWith(reference));
  return only(near, { kind: 'service', reference });
}

function findTask(controlPlane: ControlPlane, reference: string): TaskReport {
  const { tasks } = controlPlane.view;
  const exact = tasks.get(reference);
  if (exact !== undefined) return reportTask(controlPlane, exact);
  const reports = [...tasks.all()]
    .filter((task) => task.id.startsWith(reference) || isNamed(controlPlane, { task, reference }))
    .map((task) => reportTask(controlPlane, task));
  const wanted = reports.filter((task) => task.desired === 'running' || task.desired === 'ready');
  return only(wanted.length > 0 ? wanted : reports.slice(-1), { kind: 'task', reference });
}

function isNamed(
  controlPlane: ControlPlane,
  which: {
    readonly task: { readonly serviceId: string; readonly slot: number };
    readonly reference: string;
  },
): boolean {
  const name = controlPlane.view.services.get(which.task.serviceId)?.spec.name;
  return `${name}.${which.task.slot}` === which.reference;
}

function only<T>(
  found: readonly T[],
  what: { readonly kind: string; readonly reference: string },
): T {
  const [first] = found;
  if (first === undefined) {
    throw new TuttiError('not-found', `no such ${what.kind}: ${what.reference}`);
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
