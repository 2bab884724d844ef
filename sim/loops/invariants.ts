import assert from 'node:assert/strict';
import type { Task } from '../../src/model/task.ts';
import { compareDesiredStates } from '../../src/model/task-state.ts';
import { isCurrent, slotKey } from '../../src/store/schema.ts';
import type { Change } from '../../src/store/view.ts';
import type { LoopWorld } from './loop-world.ts';

/** What must hold of every single change of a task row. */
export function checkChanges(changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.table !== 'tasks') continue;
    const { before, after } = change;
    if (before === undefined || after === undefined) continue;
    const about = `task ${change.id}`;
    assert.ok(
      compareDesiredStates(before.desired, after.desired) <= 0,
      `${about} went from desired ${before.desired} to ${after.desired}`,
    );
    if (before.nodeId !== undefined) assert.equal(after.nodeId, before.nodeId, `${about} moved`);
    if (before.end !== undefined)
      assert.equal(after.end?.state, before.end.state, `${about} lives`);
    assert.equal(after.templateId, before.templateId, `${about} changed its template`);
    assert.equal(slotKey(after), slotKey(before), `${about} changed its slot`);
  }
}

/** What must hold of the whole cluster at every moment between two transactions. */
export function checkWorld(world: LoopWorld): void {
  const { view } = world;
  for (const service of view.services.all()) checkSlots(world, service.id);
  checkAddresses(world);
  for (const task of view.tasks.all()) {
    assert.ok(view.services.get(task.serviceId), `task ${task.id} has no service`);
    assert.ok(view.templates.get(task.templateId), `task ${task.id} has no template`);
    assert.ok(
      task.end !== undefined || task.nodeId === undefined || view.nodes.get(task.nodeId),
      `task ${task.id} lives on a node that is gone`,
    );
  }
}

function checkSlots(world: LoopWorld, serviceId: string): void {
  const slots = Map.groupBy(world.tasks(serviceId), slotKey);
  for (const [key, tasks] of slots) {
    const generations = tasks.map((task) => task.generation);
    assert.equal(new Set(generations).size, tasks.length, `two of a generation in ${key}`);
    const current = tasks.filter(isCurrent);
    assert.ok(current.length <= 1, `${key} has ${current.length} current tasks`);
    const limit = 5;
    const ended = tasks.filter((task) => task.end !== undefined);
    assert.ok(ended.length <= limit, `${key} keeps ${ended.length} ended tasks`);
  }
}

function checkAddresses(world: LoopWorld): void {
  const holders = new Map<string, string>();
  const hold = (networkId: string, address: string, who: string): void => {
    const key = `${networkId}/${address}`;
    assert.equal(holders.get(key), undefined, `${key} is held by ${holders.get(key)} and ${who}`);
    holders.set(key, who);
  };
  for (const service of world.view.services.all()) {
    for (const one of service.virtualAddresses) hold(one.networkId, one.address, service.id);
  }
  for (const task of world.view.tasks.all()) {
    if (task.end !== undefined) continue;
    for (const one of task.addresses) hold(one.networkId, one.address, task.id);
  }
}

/** Slots of a service in which a task runs, and in which more than one does. */
export function runningSlots(
  world: LoopWorld,
  serviceId: string,
): { readonly one: number; readonly several: readonly string[] } {
  const running = world.tasks(serviceId).filter((task) => isRunning(world, task));
  const slots = Map.groupBy(running, slotKey);
  const several = [...slots].filter(([, tasks]) => tasks.length > 1).map(([key]) => key);
  return { one: slots.size, several };
}

/** A task of a node that is known to be dead does not. */
function isRunning(world: LoopWorld, task: Task): boolean {
  if (task.end !== undefined || world.stateOf(task) !== 'running') return false;
  return world.observed.node(task.nodeId ?? '')?.state !== 'down';
}
