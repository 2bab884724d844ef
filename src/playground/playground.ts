import type { PlaygroundMachine, ProgramRun } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { toBase36 } from '../lib/base36.ts';
import { initCluster, joinCluster, untilReady } from './cluster.ts';
import { loadRules, startFabric } from './fabric.ts';
import {
  ensureFabric,
  freezeHost,
  type HostTarget,
  killHost,
  runningFabric,
  runningHost,
  startHost,
  withoutPower,
} from './host-changes.ts';
import { hasFullPower, powerOn } from './host-power.ts';
import { startDaemon, startEngine } from './host-services.ts';
import { StateKeeper } from './keeper.ts';
import { onHost } from './namespace-call.ts';
import { requirePrograms, requireRoot } from './needed-programs.ts';
import { hostPlaces, insideHost, placesOf } from './places.ts';
import { checkPlaygroundName, planPlayground, subnetsOfRoutes } from './plan.ts';
import { hostVariable, idVariable } from './processes.ts';
import { succeed } from './programs.ts';
import { type PlaygroundReport, reportPlayground } from './report.ts';
import { findHost, type Orchestrator, type PlaygroundState } from './state.ts';
import { removeFiles, removePlayground } from './take-down.ts';

const idLength = 8;
const idBytes = 5;
/** Machines have few cores: more engines at a time start no sooner. */
const hostsAtATime = 2;

export interface UpRequest {
  readonly name: string;
  readonly managers: number;
  readonly workers: number;
  /** Images of this machine's container engine that every host gets. */
  readonly images: readonly string[];
  /** Files with images, as `docker save` writes them. */
  readonly archives: readonly string[];
  /** Whether the hosts become one cluster; else each is left by itself. */
  readonly cluster: boolean;
  /** Default `tutti`. */
  readonly orchestrator?: Orchestrator;
}

export interface PlaygroundCall {
  readonly signal: AbortSignal;
  /** Told what is being done, a line at a time. */
  readonly note: (line: string) => void;
}

export interface HostsRequest {
  readonly verb: 'kill' | 'freeze' | 'start';
  readonly hosts: readonly string[];
  readonly target: HostTarget;
}

const changes = { kill: killHost, freeze: freezeHost, start: startHost } as const;

/** Hosts on one machine: each with a network, a container engine and a daemon of its own. */
export class Playgrounds {
  readonly #machine: PlaygroundMachine;
  readonly #keeper: StateKeeper;

  constructor(machine: PlaygroundMachine) {
    this.#machine = machine;
    this.#keeper = new StateKeeper(machine);
  }

  /** Makes a playground; what was made is removed again where that fails. */
  async up(request: UpRequest, call: PlaygroundCall): Promise<PlaygroundReport> {
    requireRoot(this.#machine);
    const { name } = request;
    await using _turn = await this.#keeper.takeTurn(checkPlaygroundName(name), call.signal);
    if ((await this.#keeper.read(name)) !== undefined) {
      throw new TuttiError('already-exists', `--name: there is a playground ${name} already`, {
        field: '--name',
        hint: `Remove it with: tutti playground down --name ${name}`,
      });
    }
    requirePrograms(this.#machine, request);
    for (const archive of request.archives) await this.#machine.checkArchive(archive);
    const taken = await this.#takenSubnets();
    const id = toBase36(this.#machine.random.bytes(idBytes), idLength);
    const plan = planPlayground(request, { id, taken });
    // Without a state nothing runs of what may lie there.
    await removeFiles(this.#machine, name);
    const state = await this.#keeper.write(plan);
    try {
      await this.#make(state, { request, call });
      return this.#report(await this.#keeper.write({ ...state, phase: 'up' }));
    } catch (error) {
      const { aborted } = call.signal;
      call.note(`${aborted ? 'interrupted' : 'it failed'}; removing what was made`);
      await removePlayground(this.#machine, state);
      throw aborted ? new TuttiError('cancelled', `${name} was not made`) : error;
    }
  }

  async #make(
    state: PlaygroundState,
    { request, call }: { readonly request: UpRequest; readonly call: PlaygroundCall },
  ): Promise<void> {
    const machine = this.#machine;
    const { signal, note } = call;
    const archives = await this.#collectImages(state, { request, call });
    const fabric = await startFabric(machine, state);
    note(`fabric ${state.subnet}, this machine is ${state.machineAddress}`);
    await eachOf(state.hosts, async (host) => {
      signal.throwIfAborted();
      const site = { state, host, fabric };
      const powered = { ...site, firstPid: await powerOn(machine, site), signal };
      await startEngine(machine, powered);
      for (const archive of archives) {
        const { engineSocket: socketPath } = hostPlaces(state, host);
        await machine.loadImages({ socketPath, archive, signal });
      }
      await startDaemon(machine, powered);
      note(`${host.name} is up at ${host.address}`);
    });
    await machine.removeTree(placesOf(state.name).imageArchive);
    if (!request.cluster) return;
    await initCluster(machine, { state, signal });
    const [, ...others] = state.hosts;
    // Managers become such one after the other.
    for (const host of others.filter(({ role }) => role === 'manager')) {
      await joinCluster(machine, { state, host, signal });
      note(`${host.name} is a manager`);
    }
    const workers = others.filter(({ role }) => role === 'worker');
    await eachOf(workers, (host) => joinCluster(machine, { state, host, signal }));
    await untilReady(machine, { state, signal });
    note(state.hosts.length === 1 ? 'a cluster of one' : `a cluster of ${state.hosts.length}`);
  }

  /** Archives for the hosts; what is asked of this machine's engine is asked once. */
  async #collectImages(
    state: PlaygroundState,
    { request, call }: { readonly request: UpRequest; readonly call: PlaygroundCall },
  ): Promise<readonly string[]> {
    const { images, archives } = request;
    if (images.length === 0) return archives;
    const { imageArchive, dataDirectory } = placesOf(state.name);
    const { engineSocket: socketPath } = this.#machine;
    call.note(`copying ${images.join(', ')} from ${socketPath}`);
    await this.#machine.makeDirectory(dataDirectory);
    const { signal } = call;
    await this.#machine.saveImages(images, { socketPath, archive: imageArchive, signal });
    return [...archives, imageArchive];
  }

  async #takenSubnets(): Promise<readonly string[]> {
    const parameters = ['-json', '-4', 'route', 'show', 'table', 'all'];
    const routes = await succeed(this.#machine, { program: 'ip', parameters });
    const others = await this.#keeper.readAll();
    return [...subnetsOfRoutes(routes), ...others.map(({ subnet }) => subnet)];
  }

  /** All playgrounds, or the one of that name. */
  async list(name?: string): Promise<readonly PlaygroundReport[]> {
    requireRoot(this.#machine);
    const states =
      name === undefined ? await this.#keeper.readAll() : [await this.#keeper.find(name)];
    return states.map((state) => this.#report(state));
  }

  #report(state: PlaygroundState): PlaygroundReport {
    return reportPlayground(this.#machine, state);
  }

  /** Runs a program on a host, on the terminal of this process; resolves to its exit code. */
  async exec(
    name: string | undefined,
    { host, command }: { readonly host: string; readonly command: readonly [string, ...string[]] },
  ): Promise<number> {
    requireRoot(this.#machine);
    const state = await this.#keeper.find(name);
    const where = { state, host: findHost(state, host) };
    const { first } = runningHost(this.#machine, where);
    if (!(await hasFullPower(this.#machine, { ...where, firstPid: first.pid }))) {
      throw withoutPower(where);
    }
    const [program, ...parameters] = command;
    const bySwarm = state.orchestrator === 'swarm';
    const socket = bySwarm ? insideHost.engineSocket : insideHost.apiSocket;
    const environment = {
      [idVariable]: state.id,
      [hostVariable]: host,
      DOCKER_HOST: `unix://${socket}`,
      TUTTI_SOCKET: socket,
    };
    const call: ProgramRun = onHost(first.pid, { program, parameters, environment });
    return await this.#machine.runOnTerminal(call);
  }

  /** Changes what the fabric drops. */
  async changeLinks(
    name: string | undefined,
    change: (state: PlaygroundState) => PlaygroundState,
    call: Pick<PlaygroundCall, 'signal'>,
  ): Promise<PlaygroundReport> {
    return await this.#inTurn(name, call, async (state) => {
      const changed = change(state);
      const pid = runningFabric(this.#machine, state);
      await loadRules(this.#machine, { pid, state: changed });
      return this.#report(await this.#keeper.write(changed));
    });
  }

  /** Kills, freezes or starts hosts, or processes of them, at the same time. */
  async changeHosts(
    name: string | undefined,
    { verb, hosts, target }: HostsRequest,
    call: Pick<PlaygroundCall, 'signal'>,
  ): Promise<PlaygroundReport> {
    if (verb === 'start') requirePrograms(this.#machine, { managers: 1 });
    return await this.#inTurn(name, call, async (state) => {
      const chosen = hosts.map((one) => findHost(state, one));
      if (verb === 'start') await ensureFabric(this.#machine, state);
      else for (const host of chosen) runningHost(this.#machine, { state, host });
      await eachOf(chosen, async (host) =>
        changes[verb](this.#machine, { state, host, target, signal: call.signal }),
      );
      return this.#report(state);
    });
  }

  /** Removes a playground; says whether there was one. */
  async down(name: string | undefined, call: PlaygroundCall): Promise<string | undefined> {
    requireRoot(this.#machine);
    const names = await this.#keeper.names();
    const chosen = name === undefined && names.length <= 1 ? names[0] : name;
    if (chosen === undefined && names.length === 0) return undefined;
    if (chosen === undefined) return (await this.#keeper.find(undefined)).name;
    await using _turn = await this.#keeper.takeTurn(checkPlaygroundName(chosen), call.signal);
    const state = await this.#keeper.read(chosen);
    if (state !== undefined) {
      await removePlayground(
        this.#machine,
        await this.#keeper.write({ ...state, phase: 'leaving' }),
      );
    } else if (names.includes(chosen)) {
      await removeFiles(this.#machine, chosen);
    } else {
      return undefined;
    }
    return chosen;
  }

  async #inTurn<Result>(
    name: string | undefined,
    { signal }: Pick<PlaygroundCall, 'signal'>,
    change: (state: PlaygroundState) => Promise<Result>,
  ): Promise<Result> {
    requireRoot(this.#machine);
    const found = await this.#keeper.find(name);
    await using _turn = await this.#keeper.takeTurn(found.name, signal);
    // It may have changed while others had their turn.
    return await change(await this.#keeper.find(found.name));
  }
}

async function eachOf<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const one = async (): Promise<void> => {
    try {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
    } catch (error) {
      // What has not begun need not begin.
      waiting.length = 0;
      throw error;
    }
  };
  const runs = await Promise.allSettled(Array.from({ length: hostsAtATime }, one));
  const failed = runs.find((run) => run.status === 'rejected');
  if (failed !== undefined) throw TuttiError.from(failed.reason);
}
