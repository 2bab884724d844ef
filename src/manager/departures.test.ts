import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

interface Site {
  readonly world: ManagerWorld;
  readonly agents: readonly ScriptedAgent[];
  /** Removes one of the service's tasks. */
  scaleDown(): Promise<void>;
  removeService(): Promise<void>;
}

/** A service with a task on each of three nodes, and a network. */
async function threeNodes(): Promise<Site> {
  const { world, agent } = await ManagerWorld.withCluster();
  const agents = [agent];
  for (const nodeId of ['node-2', 'node-3']) {
    const other = world.agent(nodeId, { hostname: nodeId });
    await other.connect();
    agents.push(other);
  }
  await world.settle();
  const network = await world.control.createNetwork(overlayNetwork('shared'));
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const declaration = (replicas: number) => declare('web', replicas, { template: { networks } });
  const { id, version } = await world.control.createService(declaration(3));
  await world.settle();
  return {
    world,
    agents,
    scaleDown: async () => {
      await world.control.updateService(id, declaration(2), { version });
      await world.settle();
    },
    removeService: async () => {
      await world.control.removeService(id);
      await world.settle();
    },
  };
}

/** Tasks that are told to stop and wait for the other nodes. */
function departing({ agents }: Site): readonly TaskAssignment[] {
  return agents.flatMap(({ tasks }) => tasks.filter((task) => task.departing === true));
}

function holderOf({ agents }: Site, task: TaskAssignment | undefined): ScriptedAgent | undefined {
  return agents.find(({ view }) => task !== undefined && view.tasks.has(task.taskId));
}

function confirmationAskedOf({ heard }: ScriptedAgent): number | undefined {
  return heard.flatMap((message) => (message.kind === 'assign' ? [message.confirm] : [])).at(-1);
}

test('a task may stop once every other node has said that it leads nobody there', async () => {
  const site = await threeNodes();
  for (const agent of site.agents) agent.slowToShow = true;
  await site.scaleDown();
  const [task] = departing(site);
  const holder = holderOf(site, task);
  const others = site.agents.filter((agent) => agent !== holder);
  assert.equal(others.length, 2);
  assert.equal(holder === undefined ? 0 : confirmationAskedOf(holder), undefined, 'not its own');
  for (const [index, other] of others.entries()) {
    assert.deepEqual(departing(site), [task], `${index} of 2 have said it`);
    assert.equal(other.view.catalogTasks.get(task?.taskId ?? '')?.ready, false);
    const asked = confirmationAskedOf(other);
    assert.ok(asked !== undefined);
    await other.confirm(asked - 1);
    await site.world.settle();
    assert.deepEqual(departing(site), [task], 'what is shown is older');
    await other.confirm(asked);
    await site.world.settle();
  }
  assert.deepEqual(departing(site), []);
});

test('nobody waits for a node without a session', async () => {
  const site = await threeNodes();
  for (const agent of site.agents) agent.slowToShow = true;
  await site.scaleDown();
  const [task] = departing(site);
  const holder = holderOf(site, task);
  for (const other of site.agents.filter((agent) => agent !== holder)) {
    assert.deepEqual(departing(site), [task]);
    other.disconnect();
    await site.world.settle();
  }
  assert.deepEqual(departing(site), []);
});

test('tasks of a service that goes away stop at once', async () => {
  const site = await threeNodes();
  for (const agent of site.agents) {
    agent.slowToShow = true;
    agent.heard.length = 0;
  }
  await site.removeService();
  assert.deepEqual(site.agents.map(confirmationAskedOf), [undefined, undefined, undefined]);
  assert.deepEqual(site.world.control.view.services.size, 0);
});
