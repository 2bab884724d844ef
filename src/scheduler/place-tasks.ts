import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { TaskTemplate } from '../model/template.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { Demand, Filter } from './filters.ts';
import { demandOf, filtersFor, refusedBy } from './filters.ts';
import type { NodeLoad } from './node-load.ts';
import type { NodeLoads, Trial } from './node-loads.ts';
import { refusalOf } from './refusal.ts';
import { SpreadTree } from './spread-tree.ts';

export type Placement =
  | { readonly kind: 'placed'; readonly task: Task; readonly nodeId: string }
  | { readonly kind: 'refused'; readonly task: Task; readonly reason: Reason };

export interface PlacementRequest {
  /** The transaction: nodes that it removed take no tasks. */
  readonly view: View;
  readonly service: Service;
  /** Of all the tasks. */
  readonly template: TaskTemplate;
  /** Tasks of the service that have no node. */
  readonly tasks: readonly Task[];
  readonly observed: Observed;
  readonly now: Instant;
  /** Counts what is placed. */
  readonly trial: Trial;
}

/**
 * Chooses a node for each of the tasks, as one group: nodes are filtered and ranked once, and a
 * task then costs the logarithm of their number. Every refusal says why. The caller writes the
 * rows, and calls `trial.remove` for a placement that it cannot use.
 */
export function placeTasks(loads: NodeLoads, request: PlacementRequest): readonly Placement[] {
  return loads.asOf(request.view, () => placeAll(loads, request));
}

/**
 * Whether one of the nodes may take a task of the service now, where none could before: only they
 * changed since. Costs what they are, and none of the others.
 */
export function mayFit(
  loads: NodeLoads,
  request: Omit<PlacementRequest, 'tasks' | 'now' | 'trial'> & {
    readonly nodeIds: Iterable<string>;
  },
): boolean {
  const filters = filtersFor(demandOf(request));
  for (const nodeId of request.nodeIds) {
    const load = loads.get(nodeId);
    const row = request.view.nodes.get(nodeId);
    if (load === undefined || row === undefined) continue;
    // What the transaction changed of the node is for the scheduler to judge.
    if (row !== load.node || refusedBy(filters, load) === undefined) return true;
  }
  return false;
}

function placeAll(loads: NodeLoads, request: PlacementRequest): readonly Placement[] {
  const demand = demandOf(request);
  const filters = filtersFor(demand);
  const group: Task[] = [];
  const placements: Placement[] = [];
  for (const task of request.tasks) {
    const predecessor = predecessorOf(request.view, task);
    if (task.targetNodeId !== undefined) {
      placements.push(placeOnTarget(loads, { task, demand, filters, request }));
    } else if (predecessor === undefined) {
      group.push(task);
    } else {
      const place = (): readonly Placement[] =>
        placeGroup(loads, { tasks: [task], demand, filters, request });
      placements.push(...loads.without(predecessor, place));
    }
  }
  if (group.length > 0) {
    placements.push(...placeGroup(loads, { tasks: group, demand, filters, request }));
  }
  return placements;
}

interface Group {
  readonly demand: Demand;
  readonly filters: readonly Filter[];
  readonly request: PlacementRequest;
}

function placeGroup(
  loads: NodeLoads,
  of: Group & { readonly tasks: readonly Task[] },
): readonly Placement[] {
  const { demand, filters, request } = of;
  const { service, template, now } = request;
  const present = [...loads.all()];
  const allows = (load: NodeLoad): boolean => refusedBy(filters, load) === undefined;
  const tree = new SpreadTree(present.filter(allows), {
    ranking: { serviceId: service.id, templateId: template.id, now },
    preferences: service.spec.placement.preferences.map((one) => one.spread),
  });
  let refusal: Reason | undefined;
  return of.tasks.map((task) => {
    if (refusal !== undefined) return { kind: 'refused', task, reason: refusal };
    const count = (load: NodeLoad): void => take(task, { load, demand, request });
    const load = tree.place({ allows, count });
    if (load !== undefined) return { kind: 'placed', task, nodeId: load.node.id };
    refusal = refusalOf(present, { demand, filters, since: now });
    return { kind: 'refused', task, reason: refusal };
  });
}

/** A task of a global service goes to its node or nowhere. */
function placeOnTarget(loads: NodeLoads, of: Group & { readonly task: Task }): Placement {
  const { task, demand, filters, request } = of;
  const load = loads.get(task.targetNodeId ?? '');
  if (load !== undefined && refusedBy(filters, load) === undefined) {
    take(task, { load, demand, request });
    return { kind: 'placed', task, nodeId: load.node.id };
  }
  const asked = load === undefined ? [] : [load];
  const reason = refusalOf(asked, { demand, filters, since: request.now });
  return { kind: 'refused', task, reason };
}

function take(
  task: Task,
  of: { readonly load: NodeLoad; readonly demand: Demand; readonly request: PlacementRequest },
): void {
  of.request.trial.add({ ...task, nodeId: of.load.node.id }, of.demand.needs);
}

/**
 * The task that stops before this one starts, if there is one: what it holds of its node is free
 * for its successor, and for nobody else.
 */
function predecessorOf(view: View, task: Task): Task | undefined {
  if (task.desired !== 'ready' || task.generation < 2) return undefined;
  for (const other of view.tasks.by('slot', slotKey(task))) {
    if (other.id === task.id || other.end !== undefined || other.nodeId === undefined) continue;
    if (other.outgoing === true || !isLive(other)) return other;
  }
  return undefined;
}
