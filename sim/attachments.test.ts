import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GrantedPlace } from '../src/host/attachments.ts';
import { TuttiError } from '../src/lib/error.ts';
import { declare, initRequest, plainContainer } from './manager-world.ts';
import { overlayNetwork } from './overlay-network.ts';
import { World } from './world.ts';

const seeds = 4;
const steps = 40;
const image = 'working:1';
const { signal } = new AbortController();

/* The real manager and agent; managers, agents and engines that die while containers come and go. */
for (let seed = 1; seed <= seeds; seed += 1) {
  test(`containers that are no tasks keep their addresses, whatever happens, seed ${seed}`, async () => {
    const life = new AttachedLife(seed);
    await life.run();
  });
}

class AttachedLife {
  readonly #world: World;
  readonly #dice;
  #networkId = '';
  #made = 0;

  constructor(seed: number) {
    this.#world = new World(seed);
    this.#dice = this.#world.dice(12);
  }

  async run(): Promise<void> {
    const { clock, checkers, engine } = this.#world;
    await this.#begin();
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await clock.advance(this.#dice.below(3_000));
      this.#check();
    }
    engine.start();
    await this.#startAll();
    await clock.advance(60_000);
    this.#check();
    this.#checkTold();
    this.#world.end();
    await clock.settle();
    assert.deepEqual(checkers.violations, []);
  }

  async #begin(): Promise<void> {
    const { clock } = this.#world;
    await this.#startAll();
    await clock.advance(1_000);
    await this.#waited(this.#control().initCluster(initRequest));
    const spec = overlayNetwork('net', { attachable: true, subnets: [{ subnet: '10.9.0.0/27' }] });
    this.#networkId = (await this.#waited(this.#control().createNetwork(spec))).id;
    const networks = [{ networkId: this.#networkId, aliases: [], driverOptions: {} }];
    const service = declare('w', 3, { template: { networks }, container: { image } });
    await this.#waited(this.#control().createService(service));
    await clock.advance(10_000);
  }

  /** Lets time pass until it is there. */
  async #waited<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    await this.#world.clock.runUntil(() => isOver, { limitMs: 60_000 });
    return await promise;
  }

  async #startAll(): Promise<void> {
    await this.#waited(this.#world.startManager());
    if (!this.#world.node.isUp) this.#world.node.startAgent();
  }

  #control() {
    const { control } = this.#world;
    assert.ok(control);
    return control;
  }

  async #step(): Promise<void> {
    const { engine, node } = this.#world;
    const dice = this.#dice;
    const all = [...engine.containers.values()].filter(({ request }) =>
      request.name.startsWith('box'),
    );
    const one = all[dice.below(Math.max(1, all.length))];
    switch (dice.below(9)) {
      case 0:
      case 1:
      case 2:
        return await this.#make();
      case 3:
        if (one !== undefined && engine.isUp)
          await this.#tried(engine.startContainer(one.id, signal));
        return;
      case 4:
        if (one !== undefined && engine.isUp)
          await this.#tried(engine.killContainer(one.id, signal));
        return;
      case 5:
        if (one !== undefined && engine.isUp)
          await this.#tried(engine.removeContainer(one.id, signal));
        return;
      case 6:
        if (node.isUp) node.killAgent();
        else node.startAgent();
        return;
      case 7:
        if (this.#world.hasManager) this.#world.killManager({ power: dice.chance(0.3) });
        else await this.#waited(this.#world.startManager());
        return;
      default:
        if (engine.isUp) engine.stop({ liveRestore: dice.chance(0.5) });
        else engine.start();
    }
  }

  /** As the daemon does it: a place, the container, and the word that it was made, or was not. */
  async #make(): Promise<void> {
    const { engine, node } = this.#world;
    const { attached } = node;
    const asked = attached?.attach({ network: 'net', signal });
    const place = await this.#tried(asked ?? Promise.resolve(undefined));
    if (place === undefined) return;
    this.#made += 1;
    if (this.#dice.chance(0.8)) await this.#tried(this.#create(place));
    // The daemon that asked may be gone by now.
    if (engine.isUp || this.#dice.chance(0.5)) void attached?.settle([place.id]);
  }

  async #create({ networkId, address }: GrantedPlace): Promise<void> {
    const { engine } = this.#world;
    engine.networks.set(networkId, { id: networkId, name: networkId, labels: {} });
    const id = await engine.createContainer(
      {
        name: `box${this.#made}`,
        spec: { ...plainContainer, image },
        labels: {},
        endpoints: [{ networkName: networkId, address }],
        exposedPorts: [],
        files: [],
      },
      signal,
    );
    await engine.startContainer(id, signal);
  }

  async #tried<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await this.#waited(promise);
    } catch (error) {
      // What is away cannot be asked.
      assert.ok(['unavailable', 'cancelled'].includes(TuttiError.from(error).code), String(error));
      return undefined;
    }
  }

  /** Whoever exists holds its address, and nobody else does. */
  #check(): void {
    const { control, engine, checkers } = this.#world;
    assert.deepEqual(checkers.violations, []);
    if (control === undefined) return;
    const rows = [...control.view.attachments.by('network', this.#networkId)];
    const held = new Set(rows.map(({ address }) => address.split('/')[0]));
    for (const { request } of engine.containers.values()) {
      if (!request.name.startsWith('box')) continue;
      for (const { address } of request.endpoints) {
        assert.ok(held.has(address), `the address ${address} of ${request.name} is free`);
      }
    }
  }

  /** In the end a manager knows exactly what there is. */
  #checkTold(): void {
    const { engine } = this.#world;
    const boxes = [...engine.containers.values()].filter(({ request }) =>
      request.name.startsWith('box'),
    );
    const told = [...this.#control().view.attachments.all()].map(
      ({ address, container }) =>
        `${address.split('/')[0]} ${container?.name} ${container?.running}`,
    );
    const there = boxes.map(
      ({ request: { endpoints, name }, state }) =>
        `${endpoints[0]?.address} ${name} ${state === 'running'}`,
    );
    assert.deepEqual(told.toSorted(), there.toSorted());
  }
}
