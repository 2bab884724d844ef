import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type MachineState, readMachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { registerAttached, registerChanges } from './network/changes.ts';
import { registerConnections, registerPorts } from './network/connections.ts';
import { registerDrift, registerHandOver, registerRestarts } from './network/drift.ts';
import { expectRun } from './network/expect-run.ts';
import { registerHostPorts, registerPortHolders } from './network/host-ports.ts';
import { registerNames, registerResolvers, registerWhy } from './network/names.ts';
import { World } from './network/world.ts';

/**
 * An engine that started again belongs to this test, and its own bridge has an address of IPv6
 * since a container was on it; one of the strangers ended.
 */
function comparable({ processes, routes, ...others }: MachineState) {
  return {
    ...others,
    processes: processes.filter((line) => !/dockerd|network\/task\.ts/.test(line)),
    routes: routes.filter((line) => !/(?:fe80:|multicast ff00:).* dev docker0 /.test(line)),
  };
}

/* Real packets: containers, another host, and what strangers do to the kernel. */
function register(): void {
  let world: World;
  /** Of a container engine that let packets through the machine itself: DROP. */
  let policy: string;
  const theWorld = () => world;
  before(async () => {
    const rules = await expectRun('iptables', '-S', 'FORWARD');
    policy = rules.match(/^-P FORWARD (\S+)/)?.[1] ?? 'ACCEPT';
    world = await World.start();
    await world.deploy();
  });
  after(() => world[Symbol.asyncDispose]());
  describe('names', () => {
    registerNames(theWorld);
    registerResolvers(theWorld);
    registerWhy(theWorld);
  });
  describe('connections', () => registerConnections(theWorld));
  describe('published ports', () => registerPorts(theWorld));
  describe('ports of mode host', () => {
    registerHostPorts(theWorld);
    registerPortHolders(theWorld);
  });
  describe('tasks that come and go', () => registerChanges(theWorld));
  describe('containers that are no tasks', () => registerAttached(theWorld));
  describe('drift', () => registerDrift(theWorld));
  describe('restarts', () => {
    registerRestarts(theWorld);
    registerHandOver(theWorld);
  });

  test('nothing is left', async () => {
    const { node } = world;
    await node.docker('stack', 'rm', 'net');
    await node.untilGone('net');
    await node.leave();
    await expectRun('iptables', '-P', 'FORWARD', policy);
    const left = await readMachineState(node.engineSocket, [node.directory]);
    assert.deepEqual(comparable(left), comparable(world.before));
  });
}

onOwnHost(import.meta.filename, register);
