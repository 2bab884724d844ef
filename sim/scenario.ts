import { TuttiError } from '../src/lib/error.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { ControlPlane } from '../src/manager/control-plane.ts';
import type { NodeAvailability } from '../src/model/node.ts';
import type { Service, ServiceDeclaration } from '../src/model/service.ts';
import type { Violation } from './checkers.ts';
import { drawChange, drawService, type Surroundings } from './declarations.ts';
import { drawFault, type Fault, healAll } from './faults.ts';
import { initRequest } from './manager-world.ts';
import { unsettled } from './quiet.ts';
import { StaticAddresses } from './static-addresses.ts';
import { type Seams, type Tell, World } from './world.ts';
import { overlayNetwork } from './overlay-network.ts';

/** How long the world may take to become what was declared, once faults have stopped. */
const quietBoundMs = 300_000;
const lookEveryMs = 500;
/** Being quiet has to last. */
const lastingMs = 15_000;
const patienceMs = 60_000;
const mostServices = 5;
const diceOfAddresses = 13;
const secretName = 'password';
const configName = 'who';

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly commits: number;
  readonly writes: number;
  readonly faults: number;
  readonly containers: number;
  readonly virtualMs: number;
}

export interface ScenarioOptions {
  readonly seams?: Seams;
  readonly tell?: Tell;
}

/** One seed: a cluster lives through writes and faults, then has to come to rest. */
export async function runSeed(seed: number, options: ScenarioOptions = {}): Promise<Outcome> {
  const world = new World(seed, options);
  const scenario = new Scenario(world, options.tell ?? (() => undefined));
  try {
    return { seed, ...(await scenario.run()) };
  } finally {
    world.end();
    await world.clock.settle();
  }
}

class Scenario {
  readonly #world: World;
  readonly #dice: Prng;
  readonly #addresses: StaticAddresses;
  readonly #startedAt: number;
  readonly #write: Tell;
  readonly #writes = { asked: 0, acknowledged: 0 };
  /** What was acknowledged: the version of each service, or that it was removed. */
  readonly #acknowledged = new Map<string, number | 'removed'>();
  /** A removal whose answer was lost may have happened: names of services by their ids. */
  readonly #removalsAsked = new Map<string, string>();
  #faults = 0;
  #made = 0;

  constructor(world: World, tell: Tell) {
    this.#world = world;
    this.#dice = world.dice(0);
    this.#addresses = new StaticAddresses(world.dice(diceOfAddresses));
    this.#startedAt = world.clock.now();
    this.#write = tell;
  }

  async run(): Promise<Omit<Outcome, 'seed'>> {
    const world = this.#world;
    const surroundings = await this.#begin();
    if (surroundings !== undefined) {
      const until = world.clock.now() + 20_000 + this.#dice.below(60_000);
      while (world.clock.now() < until) {
        await world.clock.advance(this.#dice.below(2_500));
        this.#checkAcknowledged();
        if (this.#dice.chance(0.65)) this.#change(surroundings);
        else this.#break(drawFault(this.#dice));
      }
      await this.#comeToRest();
    }
    return {
      violations: world.checkers.violations,
      commits: world.control?.view.revision ?? 0,
      writes: this.#writes.acknowledged,
      faults: this.#faults,
      containers: world.checkers.containersMade,
      virtualMs: world.clock.now() - this.#startedAt,
    };
  }

  /** A cluster with two networks and a secret, before any fault. */
  async #begin(): Promise<Surroundings | undefined> {
    const world = this.#world;
    const found: { surroundings?: Surroundings } = {};
    const begin = async (): Promise<void> => {
      await world.startManager();
      world.node.startAgent();
      const control = world.control;
      if (control === undefined) return;
      await control.initCluster(initRequest);
      const front = await control.createNetwork(overlayNetwork('front'));
      const back = await control.createNetwork(overlayNetwork('back', { enableIpv6: true }));
      const secret = await control.createSecret({ name: secretName, labels: {} }, 'aHVzaA==');
      const templating = { name: 'golang', options: {} };
      const config = await control.createConfig(
        { name: configName, labels: {}, templating },
        btoa('{{.Service.Name}} {{.Task.Slot}}'),
      );
      const networkIds = [front.id, back.id];
      const data = { secretId: secret.id, secretName, configId: config.id, configName };
      found.surroundings = { networkIds, ...data };
    };
    begin().catch((error: unknown) => {
      world.checkers.report('write refused', `at the beginning: ${TuttiError.from(error).stack}`);
    });
    const isDone = (): boolean => found.surroundings !== undefined;
    if (!(await world.clock.runUntil(isDone, { limitMs: patienceMs }))) {
      world.checkers.report('not quiet in time', 'the cluster was not made');
    }
    return found.surroundings;
  }

  #break(fault: Fault): void {
    this.#faults += 1;
    this.#tell(`fault: ${fault.name}`);
    fault.happen(this.#world, (line) => this.#tell(line));
  }

  #change(surroundings: Surroundings): void {
    const { control } = this.#world;
    if (control?.cluster() === undefined) return;
    const services = [...control.view.services.all()].filter(({ removing }) => removing !== true);
    const isNew =
      services.length === 0 || (services.length < mostServices && this.#dice.chance(0.4));
    if (isNew) {
      this.#made += 1;
      const others = services.map(({ spec }) => spec.name);
      const drawn = drawService(`s${this.#made}`, this.#dice, { surroundings, others });
      const declaration = this.#addresses.ofNew(drawn, control.view);
      const create = async (): Promise<void> => {
        this.#acknowledge(await control.createService(declaration));
      };
      this.#ask(`create ${describe(declaration)}`, create, {
        mayBeRefused: ({ code }) => code === 'invalid-argument' && this.#lostNeeded(declaration),
      });
      return;
    }
    if (this.#dice.chance(0.1)) {
      this.#changeNode(control, this.#dice.pick(['active', 'pause', 'drain'] as const));
      return;
    }
    const service = this.#dice.pick(services);
    if (this.#dice.chance(0.2)) this.#remove(control, service);
    else this.#update(control, service);
  }

  /** Whether a service that it needs was there when it was drawn, and may be removed by now. */
  #lostNeeded({ spec }: ServiceDeclaration): boolean {
    const removed = new Set(this.#removalsAsked.values());
    return spec.dependsOn.some(({ service, required }) => required && removed.has(service));
  }

  #changeNode(control: ControlPlane, availability: NodeAvailability): void {
    const [node] = control.view.nodes.all();
    if (node === undefined) return;
    const disk = this.#dice.chance(0.5) ? 'ssd' : 'none';
    const spec = { ...node.spec, availability, labels: { disk } };
    this.#ask(`node ${availability}, disk ${disk}`, async () => {
      await control.updateNode(node.id, spec, node.version);
    });
  }

  /** Asks until it is so: the manager may still be on its way back. */
  #activateNode(): void {
    const { control } = this.#world;
    const [node] = control?.view.nodes.all() ?? [];
    if (node?.spec.availability !== 'active' && control !== undefined) {
      this.#changeNode(control, 'active');
    }
  }

  #remove(control: ControlPlane, service: Service): void {
    this.#removalsAsked.set(service.id, service.spec.name);
    this.#ask(`remove ${service.spec.name}`, async () => {
      await control.removeService(service.id);
      this.#acknowledged.set(service.id, 'removed');
    });
  }

  #update(control: ControlPlane, service: Service): void {
    const { version, spec } = service;
    const template = control.view.templates.get(service.templateId);
    if (template === undefined) return;
    const rollback = service.previous !== undefined && this.#dice.chance(0.15);
    const drawn = drawChange({ spec, template: template.spec }, this.#dice);
    const declaration = this.#addresses.ofChanged(drawn, control.view);
    const what = rollback ? `roll back ${spec.name}` : `update ${describe(declaration)}`;
    this.#ask(what, async () => {
      const updated = await control.updateService(service.id, rollback ? undefined : declaration, {
        version,
        rollback,
      });
      this.#acknowledge(updated);
    });
  }

  #acknowledge(service: Service): void {
    const before = this.#acknowledged.get(service.id);
    if (before === 'removed' || (before ?? 0) > service.version) return;
    this.#acknowledged.set(service.id, service.version);
  }

  /** Asks and goes on: the answer comes later, or never where the manager dies. */
  #ask(
    what: string,
    write: () => Promise<void>,
    { mayBeRefused = () => false }: { mayBeRefused?: (error: TuttiError) => boolean } = {},
  ): void {
    this.#writes.asked += 1;
    this.#tell(`ask: ${what}`);
    write().then(
      () => {
        this.#writes.acknowledged += 1;
        this.#tell(`done: ${what}`);
      },
      (reason: unknown) => {
        const error = TuttiError.from(reason);
        this.#tell(`refused: ${what}: ${error.message}`);
        if (refusals.has(error.code) || mayBeRefused(error)) return;
        this.#world.checkers.report('write refused', `${what}: ${error.stack}`);
      },
    );
  }

  #checkAcknowledged(): void {
    const { control, checkers } = this.#world;
    if (control === undefined) return;
    for (const [serviceId, version] of this.#acknowledged) {
      const service = control.view.services.get(serviceId);
      const isGone = service === undefined || service.removing === true;
      const isThere =
        version === 'removed'
          ? isGone
          : (isGone && this.#removalsAsked.has(serviceId)) || (service?.version ?? 0) >= version;
      if (isThere) continue;
      const text = `service ${serviceId}: ${version} was acknowledged, it is ${service?.version}`;
      checkers.report('acknowledged write lost', text);
    }
  }

  async #comeToRest(): Promise<void> {
    const world = this.#world;
    this.#tell('faults stop');
    await healAll(world);
    const until = world.clock.now() + quietBoundMs;
    let left: readonly string[] = ['nobody looked'];
    let quietSince: number | undefined;
    while (world.clock.now() < until) {
      this.#activateNode();
      await world.clock.advance(lookEveryMs);
      left = this.#unsettled();
      if (left.length > 0) quietSince = undefined;
      else quietSince ??= world.clock.now();
      if (quietSince !== undefined && world.clock.now() - quietSince >= lastingMs) break;
    }
    this.#checkAcknowledged();
    for (const line of left) world.checkers.report('not quiet in time', line);
    this.#tell(left.length === 0 ? 'quiet' : 'not quiet');
  }

  #unsettled(): readonly string[] {
    const world = this.#world;
    if (world.control === undefined) return ['there is no manager'];
    return unsettled(world.control, world);
  }

  #tell(line: string): void {
    const seconds = ((this.#world.clock.now() - this.#startedAt) / 1_000).toFixed(3);
    this.#write(`${seconds.padStart(9)} ${line}`);
  }
}

/** Refusals that a person has to expect while parts of the cluster are broken. */
const refusals: ReadonlySet<string> = new Set([
  'unavailable',
  'conflict',
  'not-found',
  'failed-precondition',
  'resource-exhausted',
  'cancelled',
]);

function describe(declaration: Parameters<ControlPlane['createService']>[0]): string {
  const { name, mode, update } = declaration.spec;
  const size = mode.kind === 'replicated' ? `×${mode.replicas}` : mode.kind;
  const image = declaration.template.containers[0]?.image;
  return `${name} ${size} ${image} ${update?.order} ${update?.failureAction}`;
}
