import { TuttiError } from '../src/lib/error.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { ServiceDeclaration } from '../src/model/service.ts';
import { declare, initRequest } from './manager-world.ts';
import { unsettled } from './quiet.ts';
import type { SimulatedContainer } from './runtime.ts';
import { type Seams, type Tell, World } from './world.ts';

const lookEveryMs = 250;
/** Alone after 5 s, then at most 5 s of back-off, and what engine and disk take. */
const upAgainWithinMs = 12_000;
const quietWithinMs = 120_000;
const mostRestarts = 3;
const jobTasks = 4;

export interface AbsenceOutcome {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Containers that were started while no manager was there. */
  readonly startedAlone: number;
  readonly virtualMs: number;
}

/**
 * One seed: managers are away for minutes, again and again, while containers exit, engines and
 * agents restart and the machine reboots; docs/design/autonomy.md says what has to hold.
 */
export async function runAbsence(
  seed: number,
  options: { readonly seams?: Seams; readonly tell?: Tell } = {},
): Promise<AbsenceOutcome> {
  const absence = new Absence(seed, options);
  try {
    return await absence.run();
  } finally {
    absence.world.end();
    await absence.world.clock.settle();
  }
}

class Absence {
  readonly world: World;
  readonly #seed: number;
  readonly #dice: Prng;
  readonly #write: Tell;
  readonly #violations: string[] = [];
  /** Ids of containers that ran, by service and slot. */
  readonly #runs = new Map<string, Set<string>>();
  readonly #succeeded = new Set<string>();
  /** Since when nothing of a slot runs although everything that it needs does. */
  readonly #downSince = new Map<string, number>();
  #startedAlone = 0;

  constructor(seed: number, options: { readonly seams?: Seams; readonly tell?: Tell }) {
    this.#seed = seed;
    this.world = new World(seed, options);
    this.#dice = this.world.dice(11);
    this.#write = options.tell ?? (() => undefined);
  }

  async run(): Promise<AbsenceOutcome> {
    const { world } = this;
    const startedAt = world.clock.now();
    await this.#begin();
    await this.#live(5_000 + this.#dice.below(10_000));
    const absences = 1 + this.#dice.below(3);
    for (let count = 0; count < absences; count += 1) {
      this.#tell('managers go');
      world.killManager({ power: this.#dice.chance(0.3) });
      await this.#live(this.#dice.below(180_000), () => this.#disturb());
      this.#tell('managers come');
      void world.startManager();
      await this.#live(this.#dice.below(20_000));
    }
    await this.#comeToRest();
    const { violations } = world.checkers;
    this.#violations.push(...violations.map(({ check, message }) => `${check}: ${message}`));
    return {
      seed: this.#seed,
      violations: this.#violations,
      startedAlone: this.#startedAlone,
      virtualMs: world.clock.now() - startedAt,
    };
  }

  async #begin(): Promise<void> {
    const { world } = this;
    let isDone = false;
    const begin = async (): Promise<void> => {
      await world.startManager();
      world.node.startAgent();
      await world.control?.initCluster(initRequest);
      for (const declaration of declarations) await world.control?.createService(declaration);
      isDone = true;
    };
    begin().catch((error: unknown) => this.#violate(TuttiError.from(error).message));
    await world.clock.runUntil(() => isDone, { limitMs: 60_000 });
  }

  async #live(forMs: number, disturb: () => void = () => undefined): Promise<void> {
    const { world } = this;
    const until = world.clock.now() + forMs;
    let disturbAt = world.clock.now() + this.#dice.below(6_000);
    while (world.clock.now() < until) {
      await world.clock.advance(lookEveryMs);
      this.#look();
      if (world.clock.now() < disturbAt) continue;
      disturb();
      disturbAt = world.clock.now() + this.#dice.below(8_000);
    }
  }

  #disturb(): void {
    const { engine, node, clock } = this.world;
    if (!engine.isUp || !node.isUp) return;
    const what = this.#dice.below(20);
    const forMs = this.#dice.below(6_000);
    if (what === 0 || what === 1) {
      this.#tell('the machine reboots');
      engine.stop({ liveRestore: false });
      node.killAgent();
      node.files.clear();
      void clock.sleep(forMs).then(() => {
        engine.start();
        node.startAgent();
      });
    } else if (what === 2) {
      this.#tell('the agent is killed');
      node.killAgent();
      void clock.sleep(forMs).then(() => node.startAgent());
    } else if (what === 3) {
      this.#tell('the engine restarts');
      engine.stop({ liveRestore: this.#dice.chance(0.5) });
      void clock.sleep(forMs).then(() => engine.start());
    } else {
      const running = [...engine.containers.values()].filter(({ state }) => state === 'running');
      if (running.length === 0) return;
      const { id, request } = this.#dice.pick(running);
      this.#tell(`${request.name} is killed`);
      engine.killContainer(id, new AbortController().signal).catch(() => undefined);
    }
  }

  #look(): void {
    const { engine, node, hasManager } = this.world;
    const isWhole = engine.isUp && node.isUp;
    const up = new Map<string, number>();
    for (const container of engine.containers.values()) {
      const key = placeOf(container);
      if (container.state === 'running') up.set(key, (up.get(key) ?? 0) + 1);
      if (container.exitCode === 0 && key.startsWith('job.')) this.#succeeded.add(container.id);
      if (container.state === 'created' && container.exitCode === undefined) continue;
      const runs = this.#runs.getOrInsertComputed(key, () => new Set());
      if (!runs.has(container.id) && !hasManager) this.#startedAlone += 1;
      runs.add(container.id);
    }
    for (const [key, runs] of this.#runs) {
      if ((up.get(key) ?? 0) > 1) this.#violate(`${key} runs twice`);
      const most = mostRuns.find(({ name }) => key.startsWith(`${name}.`))?.runs;
      if (most !== undefined && runs.size > most) this.#violate(`${key} ran ${runs.size} times`);
      this.#lookAtDowntime(key, !isWhole || up.has(key));
    }
  }

  #lookAtDowntime(key: string, isExcused: boolean): void {
    const mustRun = key.startsWith('web.') || key.startsWith('delayed.');
    if (!mustRun || isExcused) {
      this.#downSince.delete(key);
      return;
    }
    const now = this.world.clock.now();
    const downMs = now - this.#downSince.getOrInsert(key, now);
    if (downMs > upAgainWithinMs) this.#violate(`${key} is down for ${downMs} ms`);
  }

  async #comeToRest(): Promise<void> {
    const { world } = this;
    const until = world.clock.now() + quietWithinMs;
    let left: readonly string[] = ['nobody looked'];
    while (world.clock.now() < until && left.length > 0) {
      await this.#live(5_000);
      left = world.control === undefined ? ['no manager'] : unsettled(world.control, world);
    }
    for (const line of left) this.#violate(`not quiet: ${line}`);
    const job = [...(world.control?.view.services.by('name', 'job') ?? [])][0]?.job;
    if (job?.completions !== jobTasks || this.#succeeded.size !== jobTasks) {
      const counted = `${job?.completions} were counted`;
      this.#violate(`the job was done ${this.#succeeded.size} times, ${counted}`);
    }
  }

  #violate(message: string): void {
    this.#tell(`WRONG: ${message}`);
    if (!this.#violations.includes(message)) this.#violations.push(message);
  }

  #tell(line: string): void {
    this.#write(`${(this.world.clock.now() % 10_000_000) / 1_000} ${line}`);
  }
}

/** Service and slot, from the name of the container. */
function placeOf({ request }: SimulatedContainer): string {
  return request.name.split('.').slice(0, 2).join('.');
}

const mostRuns = [
  { name: 'once', runs: 1 },
  { name: 'tries', runs: 1 + mostRestarts },
];

const declarations: readonly ServiceDeclaration[] = [
  declare('web', 3, { container: { image: 'plain:1' } }),
  declare('delayed', 1, {
    container: { image: 'plain:1' },
    template: { restart: { condition: 'any', delayMs: 2_000 } },
  }),
  declare('crashing', 1, { container: { image: 'crashing:1' } }),
  declare('once', 2, {
    container: { image: 'plain:1' },
    template: { restart: { condition: 'none' } },
  }),
  declare('tries', 2, {
    container: { image: 'crashing:1' },
    template: { restart: { condition: 'any', maxAttempts: mostRestarts } },
  }),
  declare('job', 1, {
    container: { image: 'working:1' },
    spec: { mode: { kind: 'replicated-job', maxConcurrent: 2, totalCompletions: jobTasks } },
    template: { restart: { condition: 'on-failure' } },
  }),
];
