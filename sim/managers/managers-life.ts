import { TuttiError } from '../../src/lib/error.ts';
import { Prng } from '../../src/lib/prng.ts';
import type { ClusterViolation } from '../cluster/checkers.ts';
import { countReadyNodes, declareServices, overlay, unsettled } from '../cluster/declared.ts';
import { beginsWell, runLife } from '../cluster/seed-life.ts';
import type { Tell } from '../world.ts';
import { patiently } from './client.ts';
import { drawFault, type FaultKind } from './managers-faults.ts';
import { type ManagersSeams, ManagersWorld } from './managers-world.ts';

const quietBoundMs = 90_000;
const lookEveryMs = 500;

export interface ManagersOutcome {
  readonly seed: number;
  readonly violations: readonly ClusterViolation[];
  readonly faults: readonly FaultKind[];
  readonly takeovers: number;
  readonly elections: number;
  readonly writes: number;
  readonly virtualMs: number;
}

/** One seed: several managers and their machines live through faults, then heal. */
export async function runManagersSeed(
  seed: number,
  options: { readonly seams?: ManagersSeams; readonly tell?: Tell } = {},
): Promise<ManagersOutcome> {
  const life = new ManagersLife(seed, options);
  return { seed, ...(await runLife(life)) };
}

class ManagersLife {
  readonly #world: ManagersWorld;
  readonly #dice: Prng;
  readonly #tell: Tell;
  readonly #startedAt: number;
  readonly #faults: FaultKind[] = [];
  readonly #withStatic: boolean;
  /** Of plain services, where only managers get into trouble. */
  #steady: ReadonlySet<string> | undefined;

  constructor(seed: number, options: { readonly seams?: ManagersSeams; readonly tell?: Tell }) {
    const shape = new Prng(seed);
    this.#withStatic = seed % 5 === 3;
    const managers = shape.chance(0.2) ? 2 : 3;
    const workers = 1 + shape.below(2);
    this.#world = new ManagersWorld(seed, { managers, workers, ...options });
    this.#dice = this.#world.dice(0);
    this.#tell = options.tell ?? (() => undefined);
    this.#startedAt = this.#world.clock.now();
  }

  async run(): Promise<Omit<ManagersOutcome, 'seed'>> {
    const world = this.#world;
    if (await this.#begin()) {
      const isGentle = this.#dice.chance(0.4);
      if (isGentle) this.#steady = this.#plainContainers();
      const rounds = 2 + this.#dice.below(3);
      for (let round = 0; round < rounds; round += 1) await this.#break({ isGentle });
      await this.#comeToRest();
    }
    const { checkers, writes, etcd } = world;
    return {
      violations: checkers.violations,
      faults: this.#faults,
      takeovers: Math.max(0, writes.takeovers),
      elections: etcd.terms,
      writes: writes.acknowledgedWrites,
      virtualMs: world.clock.now() - this.#startedAt,
    };
  }

  async end(): Promise<void> {
    this.#world.end();
    await this.#world.clock.settle();
  }

  async #begin(): Promise<boolean> {
    const world = this.#world;
    const { clock } = world;
    const begin = async (): Promise<void> => {
      await world.begin();
      while (countReadyNodes(world.control) < world.machines.length) await clock.sleep(lookEveryMs);
      const { control } = world;
      if (control === undefined) throw new TuttiError('unavailable', 'nobody leads');
      const network = await patiently(clock, async () => await control.createNetwork(overlay));
      await declareServices(control, {
        network,
        dice: this.#dice,
        withStatic: this.#withStatic,
      });
      world.client.start();
    };
    return await beginsWell(world, { begin, unsettled: () => this.#unsettled() });
  }

  /** One fault, perhaps a second one while it lasts; each is healed by itself. */
  async #break(how: { readonly isGentle: boolean }): Promise<void> {
    const { clock } = this.#world;
    await clock.advance(500 + this.#dice.below(6_000));
    const first = this.#begun(how);
    await clock.advance(this.#dice.below(first.forMs));
    const second = this.#dice.chance(0.4) ? this.#begun(how) : undefined;
    await clock.advance(this.#dice.below(first.forMs));
    first.heal();
    this.#say(`healed: ${first.kind}`);
    await clock.advance(this.#dice.below(second?.forMs ?? 3_000));
    second?.heal();
    if (second !== undefined) this.#say(`healed: ${second.kind}`);
  }

  #begun(how: { readonly isGentle: boolean }) {
    const fault = drawFault(this.#world, { dice: this.#dice, ...how });
    this.#faults.push(fault.kind);
    this.#say(`fault: ${fault.kind} ${fault.about} for ${fault.forMs} ms`);
    return fault;
  }

  async #comeToRest(): Promise<void> {
    const world = this.#world;
    const { clock, checkers, writes, client } = world;
    this.#say('all is healed');
    world.fabric.healAll();
    for (const { engine } of world.machines) engine.calm = true;
    const healedAt = clock.now();
    const until = healedAt + quietBoundMs;
    const isRestless = (): boolean =>
      client.lastAnswerAt < healedAt || this.#unsettled().length > 0;
    while (clock.now() < until && isRestless()) await clock.advance(lookEveryMs);
    await clock.advance(5_000);
    client.stop();
    await clock.advance(3_000);
    for (const line of this.#unsettled()) checkers.report('not as declared after healing', line);
    checkers.checkSlots();
    if (client.lastAnswerAt < healedAt) {
      checkers.report('not as declared after healing', 'no write is acknowledged any more');
    }
    writes.checkSame();
    for (const manager of world.managers) client.check(manager);
    this.#checkSteady();
  }

  /** Whatever befalls managers alone, no container of a service that is well is touched. */
  #checkSteady(): void {
    if (this.#steady === undefined) return;
    const now = this.#plainContainers();
    const gone = [...this.#steady].filter((id) => !now.has(id));
    if (gone.length === 0) return;
    this.#world.checkers.report('a change of the leader moved tasks', gone.join(', '));
  }

  #plainContainers(): ReadonlySet<string> {
    const { machines, checkers } = this.#world;
    const ids = new Set<string>();
    for (const { engine } of machines) {
      for (const container of engine.containers.values()) {
        const name = container.request.name;
        const isPlain = name.startsWith('s1.') || name.startsWith('s2.');
        if (container.state === 'running' && isPlain && checkers.taskOf(container)) {
          ids.add(container.id);
        }
      }
    }
    return ids;
  }

  #unsettled(): readonly string[] {
    const { control, checkers } = this.#world;
    return unsettled(control, checkers);
  }

  #say(line: string): void {
    const seconds = ((this.#world.clock.now() - this.#startedAt) / 1_000).toFixed(3);
    this.#tell(`${seconds.padStart(9)} ${line}`);
  }
}
