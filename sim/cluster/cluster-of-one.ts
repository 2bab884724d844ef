import assert from 'node:assert/strict';
import { declare, initRequest } from '../manager-world.ts';
import type { ClusterWorld } from './cluster-world.ts';
import type { Machine } from './machine.ts';

/**
 * Makes a cluster of the world's only machine; resolves when all replicas of a service run there.
 */
export async function clusterOfOne(world: ClusterWorld, replicas: number): Promise<Machine> {
  const begin = async (): Promise<void> => {
    await world.startManager();
    world.machines[0]?.node.startAgent();
    await world.control?.initCluster(initRequest);
    const container = { image: 'plain:1' };
    await world.control?.createService(declare('web', replicas, { container }));
  };
  void begin();
  await world.clock.advance(10_000);
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  assert.equal(running(machine).length, replicas);
  return machine;
}

/** Ids of the containers that run on a machine. */
export function running({ engine }: Machine): readonly string[] {
  return [...engine.containers.values()]
    .filter(({ state }) => state === 'running')
    .map(({ id }) => id);
}
