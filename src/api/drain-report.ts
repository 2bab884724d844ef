import type { ControlPlane } from '../manager/control-plane.ts';
import { localData } from '../model/local-data.ts';
import type { DrainingTask, DrainReport, TaskReport } from '../model/report.ts';
import { updateDefaults } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isEndState } from '../model/task-state.ts';
import { isLive, slotKey } from '../store/schema.ts';
import { reportNode } from './reports.ts';
import { reportTask } from './task-reports.ts';

/** Whether nothing is left on the node, as far as it said. */
function isOver(controlPlane: ControlPlane, task: Task): boolean {
  return task.end !== undefined || isEndState(controlPlane.taskStatus(task).state);
}

/** Tasks of the node that are not over. */
export function tasksOnNode(controlPlane: ControlPlane, nodeId: string): readonly Task[] {
  const tasks = [...controlPlane.view.tasks.by('node', nodeId)];
  return tasks.filter((task) => !isOver(controlPlane, task));
}

/** How far the node is on its way to be empty, and what holds it up. */
export function reportDrain(controlPlane: ControlPlane, nodeId: string): DrainReport {
  const left = tasksOnNode(controlPlane, nodeId)
    .map((task) => draining(controlPlane, task))
    .toSorted((one, other) => one.name.localeCompare(other.name));
  return {
    node: reportNode(controlPlane, nodeId),
    left,
    waiting: waitingFor(controlPlane, nodeId),
    stopped: stoppedServices(controlPlane, nodeId),
    notes: notesOn(controlPlane, nodeId),
  };
}

function draining(controlPlane: ControlPlane, task: Task): DrainingTask {
  const about = reportTask(controlPlane, task);
  const { id, name } = about;
  const successor = successorOf(controlPlane, task);
  if (!isLive(task)) {
    return { id, name, step: 'stops', why: about.reason?.message ?? 'it was told to stop' };
  }
  if (successor !== undefined) return { id, name, step: 'moves', ...describeSuccessor(successor) };
  return { id, name, step: 'waits', why: whyItWaits(controlPlane, task) };
}

/** The task that is to take the place of this one, newest first. */
function successorOf(controlPlane: ControlPlane, task: Task): TaskReport | undefined {
  const newer = [...controlPlane.view.tasks.by('slot', slotKey(task))]
    .filter((other) => isLive(other) && other.generation > task.generation)
    .toSorted((left, right) => right.generation - left.generation);
  return newer[0] === undefined ? undefined : reportTask(controlPlane, newer[0]);
}

function describeSuccessor(task: TaskReport): Pick<DrainingTask, 'why' | 'hint'> {
  const where = task.nodeName === undefined ? '' : ` on ${task.nodeName}`;
  const reason = task.failure?.reason ?? task.reason;
  const why = reason === undefined ? '' : `: ${reason.message}`;
  const failed = task.failure === undefined ? task.state : 'failed and is tried again';
  return {
    why: `its successor${where} ${task.failure === undefined ? `is ${failed}` : failed}${why}`,
    ...(reason?.hint !== undefined && { hint: reason.hint }),
  };
}

function whyItWaits(controlPlane: ControlPlane, task: Task): string {
  const service = controlPlane.view.services.get(task.serviceId);
  if (task.evicted !== true || service === undefined) return 'it has not been looked at yet';
  const parallelism = service.spec.update?.parallelism ?? updateDefaults.parallelism;
  const moving = controlPlane.view.tasks.count('moving', service.id);
  const others = moving === 0 ? 'its update' : `${moving} of its tasks`;
  return (
    `it waits for its turn: ${service.spec.name} has at most ${parallelism} replaced at a time, ` +
    `and is busy with ${others}`
  );
}

/** Slots that the node gave up, and that no other node takes. */
function waitingFor(controlPlane: ControlPlane, nodeId: string): readonly TaskReport[] {
  const { view } = controlPlane;
  const slots = new Set<string>();
  for (const task of view.tasks.by('node', nodeId)) {
    if (task.retirement?.code === 'node-drained') slots.add(slotKey(task));
  }
  return [...slots].flatMap((key) =>
    [...view.tasks.by('slot', key)]
      .filter((task) => isLive(task) && task.nodeId === undefined)
      .map((task) => reportTask(controlPlane, task)),
  );
}

function stoppedServices(controlPlane: ControlPlane, nodeId: string): readonly string[] {
  const { view } = controlPlane;
  const names = new Set<string>();
  for (const task of view.tasks.by('node', nodeId)) {
    if (task.targetNodeId === undefined || task.retirement?.code !== 'node-drained') continue;
    const service = view.services.get(task.serviceId);
    if (service !== undefined && service.removing !== true) names.add(service.spec.name);
  }
  return [...names].toSorted();
}

function notesOn(controlPlane: ControlPlane, nodeId: string): readonly string[] {
  const { view, observed } = controlPlane;
  const notes = new Set<string>();
  const state = observed.node(nodeId)?.state ?? 'unknown';
  const name = view.nodes.get(nodeId)?.description.hostname ?? nodeId;
  if (state !== 'ready' && tasksOnNode(controlPlane, nodeId).length > 0) {
    notes.add(`node ${name} is ${state}: it cannot say whether its tasks have stopped`);
  }
  for (const task of view.tasks.by('node', nodeId)) {
    const template = view.templates.get(task.templateId);
    const service = view.services.get(task.serviceId);
    if (template === undefined || service === undefined || task.targetNodeId !== undefined)
      continue;
    if (task.end !== undefined && task.retirement?.code !== 'node-drained') continue;
    for (const data of localData(template.spec)) {
      notes.add(`${data} of ${service.spec.name} stays on ${name}; its tasks elsewhere lack it`);
    }
  }
  return [...notes];
}
