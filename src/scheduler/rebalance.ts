import { meetsConstraint } from '../model/constraint.ts';
import type { Instant } from '../model/instant.ts';
import { localData } from '../model/local-data.ts';
import type { Observed } from '../model/observed.ts';
import { runsPlatform } from '../model/platform.ts';
import type { PlannedMove, RebalancePlan } from '../model/rebalance.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { hasStaticAddress, isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { type Demand, demandOf, type Filter, filtersFor, refusedBy } from './filters.ts';
import { findImprovement, type Spot } from './imbalance.ts';
import type { NodeLoad } from './node-load.ts';
import type { NodeLoads } from './node-loads.ts';
import { needsOf } from './needs.ts';

/** A service whose tasks may be moved for the sake of balance. */
export interface Balancing {
  readonly service: Service;
  readonly demand: Demand;
  readonly filters: readonly Filter[];
  /** By node, tasks that run. */
  readonly movable: Map<string, Task[]>;
  /** Why none may be moved right now, in words. */
  readonly waits: string | undefined;
}

interface Asked {
  readonly view: View;
  readonly observed: Observed;
  readonly now: Instant;
}

/** What may be moved of a service, or why none of it ever is. */
export function balancingOf(
  service: Service,
  asked: Asked,
): { readonly kind: 'kept'; readonly why: string } | ({ readonly kind: 'may' } & Balancing) {
  const { view, observed } = asked;
  const template = view.templates.get(service.templateId);
  const kept = whyKept(service, template?.spec);
  if (kept !== undefined) return { kind: 'kept', why: kept };
  if (template === undefined) return { kind: 'kept', why: 'it has no template' };
  const demand = demandOf({ service, template, observed, view });
  const movable = new Map<string, Task[]>();
  let waits = whyItWaits(service, view);
  for (const task of view.tasks.by('current', template.id)) {
    if (!isLive(task)) continue;
    const { nodeId } = task;
    if (nodeId === undefined || observed.task(task.id)?.state !== 'running') {
      waits ??= `${service.spec.name}.${task.slot} does not run`;
    } else if (task.move?.turn !== 'held' && task.rollout !== 'starting') {
      const others = movable.get(nodeId);
      if (others === undefined) movable.set(nodeId, [task]);
      else others.push(task);
    }
  }
  for (const tasks of movable.values()) tasks.sort((left, right) => left.slot - right.slot);
  return { kind: 'may', service, demand, filters: filtersFor(demand), movable, waits };
}

function whyKept(service: Service, template: TaskTemplateSpec | undefined): string | undefined {
  const { kind } = service.spec.mode;
  if (kind === 'global') return 'it has one task for each node';
  if (kind !== 'replicated') return 'it is a job';
  const data = template === undefined ? [] : localData(template);
  if (hasStaticAddress(template)) {
    return 'its task has a static address, and would be down until another one has it';
  }
  if (data.length > 0) {
    return `its tasks keep data on their nodes (${data.join(', ')}), which they would lack elsewhere`;
  }
  const state = service.update?.state;
  return state === 'paused' || state === 'rollback_paused' ? 'its update is paused' : undefined;
}

function whyItWaits(service: Service, view: View): string | undefined {
  const state = service.update?.state;
  if (state === 'updating' || state === 'rollback_started') return 'its update is under way';
  if (view.tasks.count('evicted', service.id) > 0) return 'tasks of it have to leave their nodes';
  if (view.tasks.count('moving', service.id) > 0) return 'a task of it is on the move';
  return undefined;
}

export interface NextMove {
  readonly task: Task;
  readonly from: NodeLoad;
  readonly to: NodeLoad;
  readonly why: string;
}

/** The task that is to be moved first, or none: the service is balanced. */
export function nextMove(
  loads: NodeLoads,
  balancing: Balancing,
  asked: Asked,
): NextMove | undefined {
  const { service, movable } = balancing;
  const spots = [...loads.all()].flatMap((load) => spotOf(load, { balancing, asked }) ?? []);
  const improvement = findImprovement(spots, {
    serviceId: service.id,
    preferences: service.spec.placement.preferences.map((one) => one.spread),
  });
  if (improvement === undefined) return undefined;
  const task = movable.get(improvement.from.node.id)?.at(-1);
  return task && { task, ...improvement };
}

/** A paused node, or one that is away, keeps its tasks; they count where it belongs. */
function spotOf(
  load: NodeLoad,
  of: { readonly balancing: Balancing; readonly asked: Asked },
): Spot | undefined {
  const { node } = load;
  const { demand, filters, movable } = of.balancing;
  const { placement } = demand.service.spec;
  if (node.spec.availability === 'drain') return undefined;
  if (!demand.constraints.every((constraint) => meetsConstraint(node, constraint)))
    return undefined;
  if (!runsPlatform(node.description, placement.platforms)) return undefined;
  const isOpen =
    node.spec.availability === 'active' && demand.observed.node(node.id)?.state === 'ready';
  const isTarget =
    isOpen &&
    !load.isFaulty(demand.template.id, of.asked.now) &&
    refusedBy(filters, load) === undefined;
  return { load, isSource: isOpen && (movable.get(node.id)?.length ?? 0) > 0, isTarget };
}

/**
 * Counts tasks that are about to leave, because their successors are on their way, out of their
 * nodes while the closure runs.
 */
export function withoutOutgoing<T>(
  loads: NodeLoads,
  of: { readonly view: View; readonly services: Iterable<Service> },
  run: () => T,
): T {
  let inner = run;
  for (const service of of.services) {
    if (of.view.tasks.count('moving', service.id) === 0) continue;
    for (const task of of.view.tasks.by('live', service.id)) {
      if (task.outgoing !== true) continue;
      const outer = inner;
      inner = () => loads.without(task, outer);
    }
  }
  return inner();
}

/**
 * All moves until nothing is to be gained by another: one for each service in turn, as a rebalance
 * makes them. A task that would be moved on is listed once, with where it ends up.
 */
export function planRebalance(
  loads: NodeLoads,
  asked: Asked & { readonly services: readonly Service[] },
): RebalancePlan {
  const kept: { service: string; why: string }[] = [];
  const balancings: Balancing[] = [];
  for (const service of asked.services) {
    const found = balancingOf(service, asked);
    if (found.kind === 'kept') kept.push({ service: service.spec.name, why: found.why });
    else balancings.push(found);
  }
  const of = { view: asked.view, services: asked.services };
  const moves = withoutOutgoing(loads, of, () => rehearse(loads, balancings, asked));
  return { moves, kept };
}

function rehearse(
  loads: NodeLoads,
  balancings: readonly Balancing[],
  asked: Asked,
): readonly PlannedMove[] {
  const moves = new Map<string, PlannedMove>();
  const done: NextMove[] = [];
  try {
    for (let found = true; found; ) {
      found = false;
      for (const balancing of balancings) {
        const move = nextMove(loads, balancing, asked);
        if (move === undefined) continue;
        found = true;
        done.push(move);
        carryOut(move, { balancing, sign: 1 });
        note(moves, move, balancing.service);
      }
    }
  } finally {
    for (const move of done.toReversed()) {
      const balancing = balancings.find(({ service }) => service.id === move.task.serviceId);
      if (balancing !== undefined) carryOut(move, { balancing, sign: -1 });
    }
  }
  return [...moves.values()];
}

function carryOut(
  { task, from, to }: NextMove,
  of: { readonly balancing: Balancing; readonly sign: 1 | -1 },
): void {
  const { movable, demand } = of.balancing;
  const [there, here] = of.sign === 1 ? [from, to] : [to, from];
  const needs = needsOf(demand.template.spec);
  there.count(task, { needs, sign: -1 });
  here.count(task, { needs, sign: 1 });
  const left = (movable.get(there.node.id) ?? []).filter((other) => other.id !== task.id);
  movable.set(there.node.id, left);
  movable.set(here.node.id, [...(movable.get(here.node.id) ?? []), task]);
}

function note(moves: Map<string, PlannedMove>, move: NextMove, service: Service): void {
  const { task, from, to, why } = move;
  const before = moves.get(task.id);
  const start = before?.from ?? from.node.description.hostname;
  const end = to.node.description.hostname;
  if (before !== undefined && start === end) {
    moves.delete(task.id);
    return;
  }
  moves.set(task.id, {
    taskId: task.id,
    service: service.spec.name,
    slot: task.slot,
    from: start,
    to: end,
    why,
  });
}
