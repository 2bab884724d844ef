/**
 * What a task is observed to be, in order. A task never goes backwards in this list
 * (swarmkit design/task_model.md). `ended` states are those from `complete` on.
 */
export const taskStates = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'orphaned',
] as const;

export type TaskState = (typeof taskStates)[number];

/** States from which a task never comes back. */
export const endStates = ['complete', 'shutdown', 'failed', 'rejected', 'orphaned'] as const;

export type EndState = (typeof endStates)[number];

/**
 * What a manager wants a task to be, in order; it never goes backwards either. `complete` is for
 * jobs.
 */
export const desiredStates = ['ready', 'running', 'complete', 'shutdown', 'removed'] as const;

export type DesiredState = (typeof desiredStates)[number];

const stateRank: ReadonlyMap<TaskState, number> = new Map(
  taskStates.map((state, index) => [state, index]),
);
const desiredRank: ReadonlyMap<DesiredState, number> = new Map(
  desiredStates.map((state, index) => [state, index]),
);

/** Negative when `left` comes before `right`, zero when they are the same, positive after. */
export function compareTaskStates(left: TaskState, right: TaskState): number {
  return (stateRank.get(left) ?? 0) - (stateRank.get(right) ?? 0);
}

/** Negative when `left` comes before `right`, zero when they are the same, positive after. */
export function compareDesiredStates(left: DesiredState, right: DesiredState): number {
  return (desiredRank.get(left) ?? 0) - (desiredRank.get(right) ?? 0);
}

export function isEndState(state: TaskState): state is EndState {
  return (endStates as readonly TaskState[]).includes(state);
}
