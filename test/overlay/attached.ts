import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { until, type Who } from '../network/stack.ts';
import {
  manager,
  type OverlaySite,
  placeFormat,
  type PlacedTask,
  placeOf,
  worker,
} from './site.ts';

const program = join(import.meta.dirname, '../network/task.ts');
const network = 'net_front';

/** A container that is no task, with the program that tasks have; made by a person on a host. */
class Box {
  readonly #site: OverlaySite;
  readonly #node: string;
  readonly #name: string;

  constructor(site: OverlaySite, at: { readonly node: string; readonly name: string }) {
    this.#site = site;
    this.#node = at.node;
    this.#name = at.name;
  }

  static async run(
    site: OverlaySite,
    at: { readonly node: string; readonly name: string },
    ...options: readonly string[]
  ): Promise<Box> {
    const image = ['tutti-demo/vote:1', 'node', '/task.ts'];
    await site.hosts.docker(at.node, 'create', `--name=${at.name}`, ...options, ...image);
    await site.hosts.docker(at.node, 'cp', program, `${at.name}:/task.ts`);
    await site.hosts.docker(at.node, 'start', at.name);
    return new Box(site, at);
  }

  async place(on = 'front'): Promise<PlacedTask> {
    const networkId = await this.#site.networkId(on);
    const words = ['inspect', `--format=${placeFormat}`, this.#name];
    const line = await this.#site.hosts.docker(this.#node, ...words);
    return placeOf(this.#node, { line, short: (id) => (id === networkId ? on : id) });
  }
}

/** Containers of `docker run --network`, on both nodes. */
export function registerAttached(world: () => OverlaySite): void {
  registerReach(world);
  registerStays(world);
}

function registerReach(world: () => OverlaySite): void {
  test('a container that is no task calls, and is called, across nodes and by name', async () => {
    const site = world();
    const far = await Box.run(
      site,
      { node: worker, name: 'far' },
      `--network=${network}`,
      '--network-alias=crate',
    );
    const near = await Box.run(site, { node: manager, name: 'near' }, `--network=${network}`);
    const [client, web] = [await site.task('client'), await site.task('web')];
    const [farPlace, nearPlace] = [await far.place(), await near.place()];
    await Promise.all([farPlace, nearPlace].map((place) => site.untilListening(place)));
    const address = farPlace.addresses.get('front') ?? '';
    const ipv6 = `[${farPlace.ipv6.get('front')}]`;
    // By a name, either.
    const own = [client.addresses.get('front'), client.ipv6.get('front')];
    const isFar = ({ value }: { readonly value?: Who }): boolean =>
      value?.host === farPlace.hostname && own.includes(value.client);
    for (const name of ['far', 'crate', farPlace.containerId.slice(0, 12), address, ipv6]) {
      await site.untilCall(client, { to: `${name}:80`, isRight: isFar });
    }
    for (const [from, to, host] of [
      [farPlace, 'client:80', client.hostname],
      [farPlace, 'near:80', nearPlace.hostname],
      [nearPlace, 'far:80', farPlace.hostname],
      [nearPlace, 'web:80', web.hostname],
      [web, 'near:80', nearPlace.hostname],
    ] as const) {
      await site.untilCall(from, { to, isRight: ({ value }) => value?.host === host });
    }
    const all = [client, web, farPlace, nearPlace, ...(await site.tasks('api'))];
    const addresses = all.map((one) => one.addresses.get('front'));
    assert.equal(new Set(addresses).size, all.length, addresses.join(' '));
  });

  test('a container that stops is found nowhere, and comes back with the address that it had', async () => {
    const site = world();
    const client = await site.task('client');
    const far = new Box(site, { node: worker, name: 'far' });
    const addressOf = async () => (await far.place()).addresses.get('front');
    const before = await addressOf();
    const lookup = async (): Promise<readonly string[]> =>
      (await site.tell<readonly string[]>(client, 'lookup', { name: 'far' })).value ?? [];
    await site.hosts.docker(worker, 'stop', '--time=0', 'far');
    await until(lookup, (found) => found.length === 0);
    await site.hosts.docker(worker, 'start', 'far');
    await until(lookup, (found) => found.length === 1);
    // The engine starts it by itself, as after a reboot: nobody else is there.
    await site.hosts.change('kill', [worker], 'daemon');
    await site.hosts.engine(worker, 'restart', '--time=0', 'far');
    await site.hosts.change('start', [worker]);
    await site.hosts.untilReady(2);
    const isBack = ({ value }: { readonly value?: Who }): boolean => value !== undefined;
    await site.untilCall(client, { to: 'far:80', isRight: isBack });
    assert.deepEqual([await addressOf(), await lookup()], [before, [before]]);
  });
}

function registerStays(world: () => OverlaySite): void {
  test('a network that is not attachable refuses, and one with containers stays', async () => {
    const site = world();
    const refused = await site.hosts
      .docker(worker, 'run', '--rm', '--network=net_apart', 'tutti-demo/vote:1', 'true')
      .catch((error: unknown) => String(error));
    assert.match(refused, /Could not attach to network net_apart: .*PermissionDenied/);
    await site.docker('network', 'create', '--driver=overlay', '--attachable', 'meeting');
    const guest = await Box.run(site, { node: worker, name: 'guest' }, '--network=meeting');
    const host = await Box.run(site, { node: manager, name: 'host' }, '--network=meeting');
    const { hostname } = await guest.place('meeting');
    const hostPlace = await host.place('meeting');
    await site.untilListening(hostPlace);
    await site.untilCall(hostPlace, {
      to: 'guest:80',
      isRight: ({ value }) => value?.host === hostname,
    });
    await site.docker('rm', '--force', 'host');
    const kept = await site.docker('network', 'rm', 'meeting').catch(String);
    assert.match(kept, /network meeting is in use by container "guest" of node worker-1/);
    await site.hosts.docker(worker, 'rm', '--force', 'guest');
    await until(
      async () => await site.docker('network', 'rm', 'meeting').catch(String),
      (said) => said === 'meeting',
    );
  });

  test('a container joins a network later, and leaves it', async () => {
    const site = world();
    const client = await site.task('client');
    const late = await Box.run(site, { node: worker, name: 'late' });
    await site.hosts.docker(worker, 'network', 'connect', '--alias=tardy', network, 'late');
    const { hostname } = await late.place();
    for (const name of ['late', 'tardy']) {
      await site.untilCall(client, {
        to: `${name}:80`,
        isRight: ({ value }) => value?.host === hostname,
      });
    }
    await site.hosts.docker(worker, 'network', 'disconnect', network, 'late');
    await site.untilCall(client, { to: 'late:80', isRight: ({ value }) => value === undefined });
    for (const name of ['late', 'far']) await site.hosts.docker(worker, 'rm', '--force', name);
    await site.docker('rm', '--force', 'near');
  });
}
