import type { NodeLoad } from './node-load.ts';
import { labelOf } from './spread-tree.ts';

/** A node on which tasks of a service may be. */
export interface Spot {
  readonly load: NodeLoad;
  /** A task of the service may be taken away from it. */
  readonly isSource: boolean;
  /** It can take another one. */
  readonly isTarget: boolean;
}

/** A task of the service is better off on the other node. */
export interface Improvement {
  readonly from: NodeLoad;
  readonly to: NodeLoad;
  readonly why: string;
}

interface Branch {
  readonly name: string;
  readonly spots: readonly Spot[];
  /** Of the service. */
  readonly tasks: number;
}

/**
 * The move that evens a service out the most, by what ranks nodes for new tasks: as even a number
 * of its tasks as can be over the values of each spread preference in turn, then over the nodes,
 * then of tasks of all services. A move that only trades places is none: each one brings the sums
 * of the squares of these numbers down, the first before the second and so on, so that any sequence
 * of such moves has an end.
 */
export function findImprovement(
  spots: readonly Spot[],
  of: { readonly serviceId: string; readonly preferences: readonly string[] },
): Improvement | undefined {
  const [preference, ...preferences] = of.preferences;
  if (preference === undefined) return betweenNodes(spots, of.serviceId);
  const branches = branchesOf(spots, { preference, serviceId: of.serviceId });
  const below = { serviceId: of.serviceId, preferences };
  const full = fullest(branches);
  const empty = emptiest(branches);
  if (full !== undefined && empty !== undefined && full.tasks - 1 > empty.tasks) {
    const from = worst(full.spots, below);
    const to = best(empty.spots, below);
    const why = `${count(full, preference)}, ${count(empty, preference)}`;
    if (from !== undefined && to !== undefined) return { from, to, why };
  }
  for (const branch of branches) {
    const improvement = findImprovement(branch.spots, below);
    if (improvement !== undefined) return improvement;
  }
  return undefined;
}

function count({ name, tasks }: Branch, preference: string): string {
  const label = preference.replace(/^(?:node|engine)\.labels\./, '');
  const value = name === '' ? `no ${label}` : `${label}=${name}`;
  return `${tasks} of its tasks are on nodes with ${value}`;
}

function branchesOf(
  spots: readonly Spot[],
  of: { readonly preference: string; readonly serviceId: string },
): readonly Branch[] {
  const groups = Map.groupBy(spots, ({ load }) => labelOf(load.node, of.preference));
  return [...groups].map(([name, group]) => {
    const tasks = group.reduce((sum, { load }) => sum + load.tasksOf(of.serviceId), 0);
    return { name, spots: group, tasks };
  });
}

/** The branch with the most tasks of which one can be taken away. */
function fullest(branches: readonly Branch[]): Branch | undefined {
  let found: Branch | undefined;
  for (const branch of branches) {
    if (!branch.spots.some((spot) => spot.isSource)) continue;
    if (found === undefined || branch.tasks > found.tasks) found = branch;
  }
  return found;
}

/** The branch with the fewest tasks that can take one. */
function emptiest(branches: readonly Branch[]): Branch | undefined {
  let found: Branch | undefined;
  for (const branch of branches) {
    if (!branch.spots.some((spot) => spot.isTarget)) continue;
    if (found === undefined || branch.tasks < found.tasks) found = branch;
  }
  return found;
}

interface Below {
  readonly serviceId: string;
  readonly preferences: readonly string[];
}

function worst(spots: readonly Spot[], below: Below): NodeLoad | undefined {
  const [preference, ...preferences] = below.preferences;
  const { serviceId } = below;
  if (preference === undefined) return mostLoaded(spots, serviceId);
  const branch = fullest(branchesOf(spots, { preference, serviceId }));
  return branch && worst(branch.spots, { serviceId, preferences });
}

function best(spots: readonly Spot[], below: Below): NodeLoad | undefined {
  const [preference, ...preferences] = below.preferences;
  const { serviceId } = below;
  if (preference === undefined) return leastLoaded(spots, serviceId);
  const branch = emptiest(branchesOf(spots, { preference, serviceId }));
  return branch && best(branch.spots, { serviceId, preferences });
}

function betweenNodes(spots: readonly Spot[], serviceId: string): Improvement | undefined {
  const from = mostLoaded(spots, serviceId);
  const to = leastLoaded(spots, serviceId);
  if (from === undefined || to === undefined) return undefined;
  const before = from.tasksOf(serviceId);
  const there = to.tasksOf(serviceId);
  const [one, other] = [from, to].map(({ node }) => node.description.hostname);
  if (there < before - 1) {
    const why = `${one} has ${before} of its tasks, ${other} has ${there}`;
    return { from, to, why };
  }
  if (there === before - 1 && to.taskCount < from.taskCount - 1) {
    const why = `${one} has ${from.taskCount} tasks in all, ${other} has ${to.taskCount}`;
    return { from, to, why };
  }
  return undefined;
}

function mostLoaded(spots: readonly Spot[], serviceId: string): NodeLoad | undefined {
  let found: NodeLoad | undefined;
  for (const { load, isSource } of spots) {
    if (!isSource) continue;
    if (found === undefined || compareLoads(load, found, serviceId) > 0) found = load;
  }
  return found;
}

function leastLoaded(spots: readonly Spot[], serviceId: string): NodeLoad | undefined {
  let found: NodeLoad | undefined;
  for (const { load, isTarget } of spots) {
    if (!isTarget) continue;
    if (found === undefined || compareLoads(load, found, serviceId) < 0) found = load;
  }
  return found;
}

function compareLoads(left: NodeLoad, right: NodeLoad, serviceId: string): number {
  return left.tasksOf(serviceId) - right.tasksOf(serviceId) || left.taskCount - right.taskCount;
}
