import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { MemoryTables } from '../../sim/loops/memory-tables.ts';
import { nodeRow } from '../../sim/loops/rows.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import { Prng } from '../lib/prng.ts';
import type { AttachedContainer } from '../model/attachment.ts';
import type { Network } from '../model/network.ts';
import type { ManagerMessage } from '../wire/messages.ts';
import { noteLeft } from './nodes.ts';
import type { WriteContext } from './writer.ts';

interface Site {
  readonly world: ManagerWorld;
  readonly one: ScriptedAgent;
  readonly other: ScriptedAgent;
  readonly net: Network;
}

/** Two nodes and one attachable network, small where its subnet is given. */
async function site(subnet?: string): Promise<Site> {
  const { world, agent: one } = await ManagerWorld.withCluster();
  const other = world.agent('node-2', { hostname: 'other', address: '192.0.2.2' });
  await other.connect();
  const subnets = subnet === undefined ? [] : [{ subnet }];
  const spec = overlayNetwork('net', { attachable: true, subnets });
  const net = await world.control.createNetwork(spec);
  await world.settle();
  return { world, one, other, net };
}

type Answer = Extract<ManagerMessage, { readonly kind: 'attached' }>;
type Noted = Extract<ManagerMessage, { readonly kind: 'noted' }>;

async function ask(
  world: ManagerWorld,
  agent: ScriptedAgent,
  what: { readonly id: string; readonly network?: string; readonly address?: string },
): Promise<Answer> {
  await agent.send({ kind: 'attach', network: 'net', ...what });
  await world.settle();
  const answer = agent.heard.findLast((message) => message.kind === 'attached');
  assert.equal(answer?.id, what.id);
  return answer;
}

async function tell(
  world: ManagerWorld,
  agent: ScriptedAgent,
  what: { readonly coming?: readonly string[]; readonly containers?: readonly AttachedContainer[] },
): Promise<Noted> {
  const number = agent.heard.length + 1;
  const report = { number, coming: [], containers: [], ...what };
  await agent.send({ kind: 'attachments', report });
  await world.settle();
  const noted = agent.heard.findLast((message) => message.kind === 'noted');
  assert.equal(noted?.number, number);
  return noted;
}

function containerAt(
  place: { readonly networkId: string; readonly address: string } | undefined,
  parts: Partial<AttachedContainer> = {},
): AttachedContainer {
  assert.ok(place);
  const address = place.address.split('/')[0] ?? '';
  const { networkId } = place;
  const containerId = 'c0ffee'.repeat(10);
  return { networkId, address, containerId, name: 'box', aliases: [], running: true, ...parts };
}

test('a container is found on every node while it runs, and led to as long as it exists', async () => {
  const { world, one, other, net } = await site();
  const { place } = await ask(world, one, { id: 'a' });
  assert.equal(place?.networkId, net.id);
  const container = containerAt(place, { aliases: ['db'] });
  await tell(world, one, { coming: ['a'] });
  assert.equal(other.view.catalogTasks.size, 0, 'it is not made yet');
  await tell(world, one, { containers: [container] });
  for (const agent of [one, other]) {
    const task = agent.view.catalogTasks.get(container.containerId);
    assert.deepEqual(task?.addresses, [place]);
    assert.deepEqual([task?.nodeId, task?.ready, task?.name], ['node-1', true, 'box']);
    const service = agent.view.catalogServices.get(container.containerId);
    const aliases = [container.containerId.slice(0, 12), 'db'];
    assert.deepEqual(service?.networks, [{ networkId: net.id, aliases }]);
    assert.equal(agent.view.catalogNodes.get('node-1')?.address, '192.0.2.1');
  }
  await tell(world, one, { containers: [{ ...container, name: 'renamed' }] });
  assert.equal(other.view.catalogServices.get(container.containerId)?.name, 'renamed');
  await tell(world, one, { containers: [{ ...container, running: false }] });
  for (const { view } of [one, other]) {
    const task = view.catalogTasks.get(container.containerId);
    assert.deepEqual([task?.addresses, task?.ready], [[place], false], 'its place leads to it');
  }
  assert.deepEqual(
    [one, other].map(({ view }) => view.catalogServices.size),
    [0, 0],
  );
  assert.equal(world.control.view.attachments.size, 1, 'it may start again by itself');
  await tell(world, one, {});
  assert.equal(other.view.catalogTasks.size, 0);
  assert.equal(world.control.view.attachments.size, 0);
});

test('a network that is not attachable, and one that is not there, give no place', async () => {
  const { world, one } = await site();
  await world.control.createNetwork(overlayNetwork('closed'));
  const closed = await ask(world, one, { id: 'a', network: 'closed' });
  assert.deepEqual(closed.refusal, {
    code: 'permission-denied',
    message: 'network closed not manually attachable',
  });
  for (const network of ['nope', 'host', 'bridge']) {
    const { refusal } = await ask(world, one, { id: `of-${network}`, network });
    assert.deepEqual(refusal, { code: 'not-found', message: `network ${network} not found` });
  }
  assert.equal(world.control.view.attachments.size, 0);
});

test('a network is meant by its id, and by the beginning of it', async () => {
  const { world, one, net } = await site();
  for (const network of [net.id, net.id.slice(0, 8), 'NET']) {
    const { place } = await ask(world, one, { id: `by-${network}`, network });
    assert.equal(place?.networkId, net.id, network);
  }
});

test('an address that is asked for is given where it is free and the cluster’s to give', async () => {
  const { world, one, other } = await site('10.9.0.0/24');
  const { place } = await ask(world, one, { id: 'a', address: '10.9.0.77' });
  assert.equal(place?.address, '10.9.0.77/24');
  const codes: Record<string, string | undefined> = {};
  for (const address of ['10.9.0.77', '10.9.0.1', '10.9.0.255', '10.9.0.250', '10.8.0.2', 'x']) {
    const { refusal } = await ask(world, other, { id: `at-${address}`, address });
    codes[address] = refusal?.code;
  }
  assert.deepEqual(codes, {
    '10.9.0.77': 'already-exists',
    '10.9.0.1': 'invalid-argument',
    '10.9.0.255': 'invalid-argument',
    '10.9.0.250': 'invalid-argument',
    '10.8.0.2': 'invalid-argument',
    x: 'invalid-argument',
  });
});

test('who asks again with the same id gets the same place, and nobody else gets it', async () => {
  const { world, one, other } = await site();
  const first = await ask(world, one, { id: 'a' });
  assert.deepEqual((await ask(world, one, { id: 'a' })).place, first.place);
  assert.equal((await ask(world, other, { id: 'a' })).refusal?.code, 'not-found');
});

test('tasks, virtual addresses and containers never share an address, until none is left', async () => {
  const { world, one, other, net } = await site('10.9.0.0/28');
  const attachment = { networkId: net.id, aliases: [], driverOptions: {} };
  await world.control.createService(declare('w', 2, { template: { networks: [attachment] } }));
  await world.settle();
  const given: string[] = [];
  let refusal: Answer['refusal'];
  for (let count = 0; refusal === undefined; count += 1) {
    const agent = count % 2 === 0 ? one : other;
    const answer = await ask(world, agent, { id: `c${count}` });
    refusal = answer.refusal;
    if (answer.place !== undefined) given.push(answer.place.address);
  }
  assert.match(refusal.message, /^network net \(10\.9\.0\.0\/28\) has no address left$/);
  // Sixteen, less the network's own, the gateway, the engine's four, the service’s and two tasks’.
  assert.equal(given.length, 7);
  assert.equal(world.control.view.attachments.count('network', net.id), 7);
  assertUnique(world);
});

test('addresses that were asked for outside of the range that is given leave that one whole', async () => {
  const { world, one } = await site();
  const subnets = [{ subnet: '10.9.0.0/24', ipRange: '10.9.0.8/30' }];
  const spec = overlayNetwork('part', { attachable: true, subnets });
  const { id: networkId } = await world.control.createNetwork(spec);
  for (let last = 100; last < 104; last += 1) {
    const address = `10.9.0.${last}`;
    assert.ok((await ask(world, one, { id: address, network: 'part', address })).place, address);
  }
  const given: unknown[] = [];
  for (let count = 0; count < 5; count += 1) {
    given.push((await ask(world, one, { id: `c${count}`, network: 'part' })).place?.address);
  }
  const numbers = [8, 9, 10, 11].map((last) => `10.9.0.${last}/24`);
  assert.deepEqual(given, [...numbers, undefined]);
  assert.equal(world.control.view.attachments.count('network', networkId), 8);
});

test('a node that is away keeps its addresses; they are free when it is removed', async () => {
  const { world, one, other } = await site();
  const { place } = await ask(world, other, { id: 'a' });
  const container = containerAt(place);
  await tell(world, other, { containers: [container] });
  assert.equal(one.view.catalogTasks.get(container.containerId)?.ready, true);
  other.disconnect();
  other.silent = true;
  await world.pass(60_000);
  assert.equal(one.view.catalogTasks.get(container.containerId)?.ready, false);
  assert.equal(one.view.catalogNodes.has('node-2'), false, 'nothing leads there');
  assert.equal((await ask(world, one, { id: 'b', address: container.address })).place, undefined);
  await world.control.removeNode('node-2', { force: true });
  await world.settle();
  assert.equal(one.view.catalogTasks.size, 0);
  assert.ok((await ask(world, one, { id: 'c', address: container.address })).place);
});

test('a node that left holds nothing, also before it is removed', () => {
  const tables = new MemoryTables();
  const row = (nodeId: string) => ({ nodeId, networkId: 'n', createdAt: 1 });
  tables.update((tx) => {
    for (const id of ['stays', 'goes']) tx.nodes.put(nodeRow(id));
    tx.attachments.put({ id: 'a', address: '10.9.0.2/24', ...row('goes') });
    tx.attachments.put({ id: 'b', address: '10.9.0.3/24', ...row('stays') });
  });
  const touched = { node: () => undefined };
  tables.update((tx) => {
    noteLeft(tx, { nodeId: 'goes', context: { now: 2, touched } as unknown as WriteContext });
  });
  assert.deepEqual(
    [...tables.view.attachments.all()].map(({ id }) => id),
    ['b'],
  );
});

test('a node that comes back says what it has before it is told anything', async () => {
  const { world, one } = await site();
  const { place } = await ask(world, one, { id: 'a' });
  const container = containerAt(place);
  await tell(world, one, { containers: [container] });
  world.crashManager();
  await world.startManager();
  one.attachments = { number: 900, coming: [], containers: [{ ...container, running: false }] };
  one.heard.length = 0;
  await one.connect();
  await world.settle();
  const kinds = one.heard.map(({ kind }) => kind).filter((kind) => /noted|assign/.test(kind));
  assert.deepEqual(kinds.slice(0, 2), ['noted', 'assign']);
  assert.equal(one.view.catalogServices.size, 0);
  assert.equal(world.control.view.attachments.size, 1);
});

test('a container that no manager knows is taken in, or refused where its address is taken', async () => {
  const { world, one, other, net } = await site('10.9.0.0/24');
  const { place } = await ask(world, one, { id: 'a' });
  const mine = containerAt(place);
  await tell(world, one, { containers: [mine] });
  const alien = { ...mine, containerId: 'beef'.repeat(16), name: 'alien' };
  const { refused } = await tell(world, other, { containers: [alien] });
  assert.deepEqual(refused, [alien]);
  assert.equal(one.view.catalogTasks.has(alien.containerId), false);
  const free = { ...alien, address: '10.9.0.99' };
  const closed = await world.control.createNetwork(overlayNetwork('closed'));
  await world.settle();
  const others = [
    { ...alien, networkId: closed.id, address: '10.0.1.9' },
    { ...alien, networkId: 'gone' },
    { ...alien, address: '10.9.0.253' },
  ];
  const noted = await tell(world, other, { containers: [free, ...others] });
  assert.deepEqual(noted.refused, [], 'what leads nowhere is left alone');
  const addresses = [...world.control.view.attachments.by('network', net.id)];
  assert.deepEqual(addresses.map((row) => row.address).toSorted(), [
    place?.address,
    '10.9.0.99/24',
  ]);
  assert.equal(one.view.catalogTasks.get(alien.containerId)?.nodeId, 'node-2');
});

test('of two containers with one address it stays with whose it was, then with who runs', async () => {
  const { world, one } = await site();
  const { place } = await ask(world, one, { id: 'a' });
  const first = containerAt(place, { running: false });
  const second = containerAt(place, { containerId: 'beef'.repeat(16), name: 'second' });
  const { refused } = await tell(world, one, { coming: ['a'], containers: [first, second] });
  assert.deepEqual(refused, [first]);
  const again = await tell(world, one, {
    containers: [
      { ...first, running: true },
      { ...second, running: false },
    ],
  });
  assert.deepEqual(
    again.refused.map(({ name }) => name),
    ['box'],
  );
});

test('a network is not removed under a container that runs, and not kept by one that does not', async () => {
  const { world, one, net } = await site();
  const { place } = await ask(world, one, { id: 'a' });
  await assert.rejects(world.control.removeNetwork(net.id), {
    message: 'network net is in use by a container of node vm',
  });
  const container = containerAt(place);
  await tell(world, one, { containers: [container] });
  await assert.rejects(world.control.removeNetwork(net.id), {
    message: 'network net is in use by container "box" of node vm',
  });
  await tell(world, one, { containers: [{ ...container, running: false }] });
  await world.control.removeNetwork(net.id);
  await world.settle();
  assert.equal(world.control.view.networks.get(net.id), undefined);
  assert.equal(world.control.view.attachments.size, 0);
  const { refused } = await tell(world, one, { containers: [container] });
  assert.deepEqual(refused, []);
  assert.equal(world.control.view.attachments.size, 0);
});

test('a full disk refuses a place and cuts nobody off', async () => {
  const { world, one } = await site();
  world.disk.full = true;
  const { refusal } = await ask(world, one, { id: 'a' });
  assert.ok(refusal);
  const report = {
    number: 901,
    coming: [],
    containers: [containerAt({ networkId: 'n', address: '10.0.0.9' })],
  };
  await one.send({ kind: 'attachments', report });
  await world.settle();
  assert.equal(one.isConnected, true);
});

/* Drawn lives: places asked for, used, stopped, lost; nodes that go and come; managers that die. */
for (let seed = 1; seed <= 20; seed += 1) {
  test(`no address has two holders, whatever happens, seed ${seed}`, async () => {
    await live(seed);
  });
}

async function live(seed: number): Promise<void> {
  const dice = new Prng(seed);
  const { world, one, other, net } = await site('10.9.0.0/27');
  const attachment = { networkId: net.id, aliases: [], driverOptions: {} };
  const template = { networks: [attachment] };
  let service = await world.control.createService(declare('w', 3, { template }));
  const nodes = [one, other].map((agent) => ({
    agent,
    coming: new Set<string>(),
    containers: new Map<string, AttachedContainer>(),
  }));
  let made = 0;
  for (let step = 0; step < 60; step += 1) {
    const node = nodes[dice.below(nodes.length)];
    assert.ok(node);
    const { agent, coming, containers } = node;
    const some = [...containers.keys()][dice.below(Math.max(1, containers.size))] ?? '';
    const report = (): object => {
      const what = { coming: [...coming], containers: [...containers.values()] };
      agent.attachments = { number: step + 1, ...what };
      return agent.attachments;
    };
    switch (dice.below(7)) {
      case 0: {
        if (!agent.isConnected) break;
        made += 1;
        const id = `c${made}`;
        coming.add(id);
        const { place } = await ask(world, agent, { id });
        if (place !== undefined && dice.chance(0.8)) {
          const containerId = id.padEnd(64, '0');
          containers.set(containerId, containerAt(place, { containerId, name: id }));
        }
        if (dice.chance(0.7)) coming.delete(id);
        break;
      }
      case 1: {
        const seen = containers.get(some);
        if (seen !== undefined) containers.set(some, { ...seen, running: !seen.running });
        break;
      }
      case 2:
        containers.delete(some);
        break;
      case 3:
        if (agent.isConnected) agent.disconnect();
        else await agent.connect();
        break;
      case 4:
        await world.pass(dice.below(40_000));
        break;
      case 5: {
        const row = world.control.view.services.get(service.id);
        assert.ok(row);
        const replicas = dice.below(6);
        const { version } = row;
        service = await world.control.updateService(
          service.id,
          declare('w', replicas, { template }),
          { version },
        );
        break;
      }
      default:
        if (!dice.chance(0.3)) break;
        world.crashManager();
        await world.startManager();
        for (const one_ of nodes) one_.agent.disconnect();
    }
    report();
    if (agent.isConnected) {
      const { attachments } = agent;
      assert.ok(attachments);
      await agent.send({ kind: 'attachments', report: attachments });
    }
    await world.settle();
    assertUnique(world);
    // What has a container holds its address, told or not.
    const held = new Set(
      [...world.control.view.attachments.all()].map((row) => row.address.split('/')[0]),
    );
    for (const { containers: all } of nodes) {
      for (const { address } of all.values()) assert.ok(held.has(address), `${address} is free`);
    }
  }
}

function assertUnique(world: ManagerWorld): void {
  const { tasks, services, attachments } = world.control.view;
  const held = [
    ...attachments.all(),
    ...[...services.all()].flatMap((row) => row.virtualAddresses),
    ...[...tasks.all()].filter((row) => row.end === undefined).flatMap((row) => row.addresses),
  ].map(({ networkId, address }) => `${networkId}/${address}`);
  assert.equal(new Set(held).size, held.length, held.join(' '));
}
