import { unreachable } from '../lib/assert.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, nameKey, slotKey } from '../store/schema.ts';
import type { Change, View } from '../store/view.ts';

/**
 * A piece of the cluster that is planned by itself. A change makes few of them dirty, and planning
 * one costs what it holds: a slot some tasks, a service all of its slots.
 */
export type Unit =
  | { readonly kind: 'service'; readonly serviceId: string }
  /** The slots that a service lacks. */
  | { readonly kind: 'scale'; readonly serviceId: string }
  /** The next slots of a service's update, and whether it is over. */
  | { readonly kind: 'update'; readonly serviceId: string }
  /** The next tasks of a service that have to leave their nodes. */
  | { readonly kind: 'moves'; readonly serviceId: string }
  /** Whether a service may start its tasks for the first time. */
  | { readonly kind: 'dependencies'; readonly serviceId: string }
  | SlotUnit
  | { readonly kind: 'node'; readonly nodeId: string }
  /** Whether a template or network is still referred to. */
  | { readonly kind: 'template'; readonly templateId: string }
  | { readonly kind: 'network'; readonly networkId: string };

export interface SlotUnit {
  readonly kind: 'slot';
  readonly serviceId: string;
  readonly slotKey: string;
  /** The node whose slot it is, in global services and jobs. */
  readonly targetNodeId?: string;
}

/** Two units with the same key are the same. */
export function unitKey(unit: Unit): string {
  switch (unit.kind) {
    case 'service':
    case 'scale':
    case 'update':
    case 'moves':
    case 'dependencies':
      return `${unit.kind}/${unit.serviceId}`;
    case 'slot':
      return `slot/${unit.slotKey}`;
    case 'node':
      return `node/${unit.nodeId}`;
    case 'template':
      return `template/${unit.templateId}`;
    case 'network':
      return `network/${unit.networkId}`;
    default:
      return unreachable(unit);
  }
}

export function slotUnit(task: Pick<Task, 'serviceId' | 'slot' | 'targetNodeId'>): SlotUnit {
  const { serviceId, targetNodeId } = task;
  const unit = { kind: 'slot', serviceId, slotKey: slotKey(task) } as const;
  return targetNodeId === undefined ? unit : { ...unit, targetNodeId };
}

/** Every unit: what a manager plans when it starts. */
export function allUnits(view: View): readonly Unit[] {
  const units: Unit[] = [];
  for (const { id } of view.nodes.all()) units.push({ kind: 'node', nodeId: id });
  for (const { id } of view.services.all()) units.push({ kind: 'service', serviceId: id });
  for (const { id } of view.templates.all()) units.push({ kind: 'template', templateId: id });
  for (const { id } of view.networks.all()) units.push({ kind: 'network', networkId: id });
  return units;
}

/** The units that a durable change makes dirty; `view` contains the change. */
export function unitsOfChange(view: View, change: Change): readonly Unit[] {
  switch (change.table) {
    case 'services':
      return unitsOfService(view, change);
    case 'tasks':
      return unitsOfTask(view, change);
    case 'nodes':
      return [{ kind: 'node', nodeId: change.id }];
    case 'networks':
      return change.after?.removing === true ? [{ kind: 'network', networkId: change.id }] : [];
    case 'clusters':
    case 'roots':
    case 'templates':
    case 'attachments':
    case 'secrets':
    case 'configs':
      return [];
    default:
      return unreachable(change);
  }
}

function unitsOfService(
  view: View,
  change: Extract<Change, { table: 'services' }>,
): readonly Unit[] {
  const { before, after, id } = change;
  const units: Unit[] = [];
  if (after !== undefined) units.push({ kind: onlyProgressed(before, after), serviceId: id });
  units.push(...unitsOfMoves(view, change));
  const name = (after ?? before)?.spec.name;
  const isThere = (row: Service | undefined): boolean => row !== undefined && row.removing !== true;
  if (name !== undefined && isThere(before) !== isThere(after)) {
    for (const one of view.services.by('dependsOn', nameKey(name))) {
      units.push({ kind: 'dependencies', serviceId: one.id });
    }
  }
  if (hasLetGoOfPorts(before, after)) {
    for (const one of view.services.by('lacking', 'yes')) {
      units.push({ kind: 'update', serviceId: one.id });
    }
  }
  for (const templateId of [before?.templateId, before?.previous?.templateId]) {
    if (templateId !== undefined) units.push({ kind: 'template', templateId });
  }
  if (before !== undefined && after === undefined) {
    for (const network of view.networks.all()) {
      if (network.removing === true) units.push({ kind: 'network', networkId: network.id });
    }
  }
  return units;
}

function hasLetGoOfPorts(before: Service | undefined, after: Service | undefined): boolean {
  if (before === undefined || before.publishedPorts.length === 0) return false;
  return after?.publishedPorts !== before.publishedPorts || after.removing !== before.removing;
}

function unitsOfMoves(
  view: View,
  { before, after, id }: Extract<Change, { table: 'services' }>,
): readonly Unit[] {
  const units: Unit[] = [];
  // An update that ended or paused leaves its turns to others.
  if (view.tasks.count('evicted', id) > 0) units.push({ kind: 'moves', serviceId: id });
  if (before?.rebalance?.state === 'running' && after?.rebalance?.state !== 'running') {
    for (const task of view.tasks.by('moving', id)) units.push(slotUnit(task));
  }
  return units;
}

/** An update's own progress asks for its next slots, not for a walk over all of them. */
function onlyProgressed(before: Service | undefined, after: Service): 'update' | 'service' {
  const same =
    before !== undefined &&
    before.spec === after.spec &&
    before.templateId === after.templateId &&
    before.removing === after.removing &&
    before.dependenciesMet === after.dependenciesMet &&
    before.job?.iteration === after.job?.iteration;
  return same ? 'update' : 'service';
}

function unitsOfTask(view: View, change: Extract<Change, { table: 'tasks' }>): readonly Unit[] {
  const { before, after } = change;
  const task = after ?? before;
  if (task === undefined || isSettled(before, after)) return [];
  const units: Unit[] = [slotUnit(task)];
  if (before?.end !== after?.end) {
    units.push(...dependentUnits(view, task.serviceId));
    for (const { networkId } of task.addresses) {
      if (view.networks.get(networkId)?.removing === true)
        units.push({ kind: 'network', networkId });
    }
  }
  return units;
}

/** Placed, and wanted to run: nothing follows until an agent says something. */
function isSettled(before: Task | undefined, after: Task | undefined): boolean {
  return (
    after !== undefined &&
    isLive(after) &&
    after.desired !== 'ready' &&
    after.rollout !== 'starting' &&
    (before === undefined || before.end === after.end) &&
    after.outgoing !== true
  );
}

/** The units that a task's changed observation makes dirty. */
export function unitsOfObserved(view: View, taskId: string): readonly Unit[] {
  const task = view.tasks.get(taskId);
  return task === undefined ? [] : [slotUnit(task), ...dependentUnits(view, task.serviceId)];
}

/** Services that wait for this one before they start. */
function dependentUnits(view: View, serviceId: string): readonly Unit[] {
  const service = view.services.get(serviceId);
  if (service === undefined) return [];
  const units: Unit[] = [];
  for (const one of view.services.by('dependsOn', nameKey(service.spec.name))) {
    if (one.dependenciesMet.length < one.spec.dependsOn.length) {
      units.push({ kind: 'dependencies', serviceId: one.id });
    }
  }
  return units;
}
