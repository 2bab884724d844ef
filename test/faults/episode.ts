import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../../src/lib/prng.ts';
import { type MachineState, readMachineState } from '../fixture/machine-state.ts';
import { type Action, drawAction } from './action.ts';
import { findProblem } from './cluster-check.ts';
import { keepEvidence, keepLogs } from './evidence.ts';
import { FaultHost, type Process, processes, type StartFaultHost } from './fault-host.ts';
import { type DeclaredStack, stackName } from './stack.ts';

export interface EpisodePlan {
  readonly seed: number;
  readonly faults: number;
  readonly places: Omit<StartFaultHost, 'liveRestore'>;
  /** Where what was seen is kept when it fails. */
  readonly evidence: string;
  readonly report: (line: string) => void;
}

/** One fault, and how the cluster came out of it. */
export interface FaultRecord {
  readonly seed: number;
  readonly fault: number;
  readonly action: string;
  readonly killed: readonly Process[];
  /** Of the whole machine. */
  readonly power: boolean;
  readonly liveRestore: boolean;
  /** The engine had lost track of a network in its crash, and was put right by hand. */
  readonly mended?: 'network';
  /** From the kill until everything was as declared. */
  readonly convergedMs: number;
}

export interface EpisodeResult {
  readonly records: readonly FaultRecord[];
  /** What a container engine that is killed leaves of its own, with or without Tutti. */
  readonly engineLeft: readonly string[];
}

const convergeLimitMs = 60_000;
const pollMs = 200;
/** What the engine lost track of is not free again by itself. */
const enginePatienceMs = 15_000;
/** Kills come this long after the action began, at most. */
const latestKillMs = 3_000;
/** One fault in so many is the machine's. */
const powerChance = 0.08;

/**
 * A stack lives on a machine whose processes are killed at random moments, and at last goes. Throws
 * when something is not as it should be.
 */
export async function runEpisode(plan: EpisodePlan): Promise<EpisodeResult> {
  const dice = new Prng(plan.seed);
  const liveRestore = dice.chance(0.5);
  let before: MachineState | undefined;
  const records: FaultRecord[] = [];
  await using host = await FaultHost.start({ ...plan.places, liveRestore }, async (socket) => {
    before = await readMachineState(socket, []);
  });
  await host.node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  const run = new Run({ host, dice, plan });
  try {
    for (let fault = 1; fault <= plan.faults; fault += 1) {
      const record = await run.fault(fault);
      records.push(record);
      plan.report(describe(record));
    }
    await run.end();
    const after = await readMachineState(host.engine.socketPath, [host.node.directory]);
    const all = differences(before, after);
    const engineLeft = all.filter(isLeftByKilledEngine);
    assert.deepEqual(
      all.filter((line) => !engineLeft.includes(line)),
      [],
    );
    await rm(plan.evidence, { recursive: true, force: true });
    for (const line of engineLeft) plan.report(`  the killed engine left something: ${line}`);
    return { records, engineLeft };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    plan.report(`seed ${plan.seed}, fault ${records.length + 1}: ${message}`);
    plan.report(`what it looks like is kept in ${plan.evidence}`);
    await keepEvidence(host, plan.evidence);
    throw error;
  }
}

class Run {
  readonly #host: FaultHost;
  readonly #dice: Prng;
  readonly #plan: EpisodePlan;
  readonly #acknowledged: string[] = [];
  #stack: DeclaredStack | undefined;

  constructor(from: { readonly host: FaultHost; readonly dice: Prng; readonly plan: EpisodePlan }) {
    this.#host = from.host;
    this.#dice = from.dice;
    this.#plan = from.plan;
  }

  async fault(fault: number): Promise<FaultRecord> {
    const dice = this.#dice;
    const action = drawAction(dice, this.#stack);
    const power = dice.chance(powerChance);
    const killed = power ? processes : drawTargets(dice, this.#plan.seed + fault);
    const delayMs = dice.below(latestKillMs);
    const writing = new AbortController();
    const writer = this.#write(fault, writing.signal);
    const performed = this.#perform(action);
    await sleep(delayMs);
    const killedAt = Date.now();
    this.#plan.report(
      `  ${action.name}: after ${delayMs} ms ${power ? 'power off' : `kill -9 of ${killed.join(' and ')}`}`,
    );
    if (power) await this.#host.losePower();
    else await this.#host.killAndReturn(killed, dice);
    await performed;
    writing.abort();
    await writer;
    this.#stack = action.after;
    const mended = await this.#untilConverged(action.name);
    return {
      seed: this.#plan.seed,
      fault,
      action: action.name,
      killed,
      power,
      liveRestore: this.#host.liveRestore,
      ...(mended !== undefined && { mended }),
      convergedMs: Date.now() - killedAt,
    };
  }

  async #perform(action: Action): Promise<void> {
    await action.perform(this.#host);
  }

  /** Small declarations, one after the other: each that was acknowledged has to stay. */
  async #write(fault: number, signal: AbortSignal): Promise<void> {
    for (let number = 0; !signal.aborted; number += 1) {
      const name = `note-${fault}-${number}`;
      try {
        const body = { Name: name, Data: 'bm90ZQ==' };
        const options = {
          path: '/v1.41/configs/create',
          body,
          signal: AbortSignal.timeout(20_000),
        };
        await this.#host.node.client.call({ method: 'POST', ...options });
        this.#acknowledged.push(name);
      } catch {
        // Nobody promised anything.
      }
      await sleep(150);
    }
  }

  async #untilConverged(what: string): Promise<FaultRecord['mended']> {
    let startedAt = Date.now();
    let mended: FaultRecord['mended'];
    for (;;) {
      const expected = { stack: this.#stack, acknowledged: this.#acknowledged };
      const problem = await findProblem(this.#host, expected);
      if (problem === undefined) return mended;
      const lostMs = Date.now() - startedAt;
      if (lostMs > convergeLimitMs) throw new Error(`no convergence after ${what}: ${problem}`);
      if (lostMs > enginePatienceMs && mended === undefined) {
        mended = await this.#mendEngine();
        if (mended !== undefined) startedAt = Date.now();
      }
      await sleep(pollMs);
    }
  }

  /** What a person has to do for an engine that lost track of what it has when it was killed. */
  async #mendEngine(): Promise<FaultRecord['mended']> {
    const host = this.#host;
    if (!(await host.hasLostNetwork())) return undefined;
    this.#plan.report('  the engine holds a network that it does not show: taking that from it');
    await host.losePower({ forgetNetworks: true });
    return 'network';
  }

  /** Removes everything, again and again under fire, and stops the daemon. */
  async end(): Promise<void> {
    const host = this.#host;
    const removed = host.insistDocker('stack', 'rm', stackName);
    if (this.#dice.chance(0.7)) {
      const killed = drawTargets(this.#dice, this.#dice.below(3));
      await sleep(this.#dice.below(latestKillMs));
      this.#plan.report(`  docker stack rm: kill -9 of ${killed.join(' and ')}`);
      await host.killAndReturn(killed, this.#dice);
    }
    await removed;
    this.#stack = undefined;
    await this.#untilConverged('docker stack rm');
    await this.#leave();
    await host.node.daemon.stop();
    await host.foreign.remove();
    const volumes = await host.ask<{ readonly Volumes: readonly { readonly Name: string }[] }>(
      '/volumes',
    );
    assert.deepEqual(
      volumes.Volumes.map(({ Name }) => Name),
      [`${stackName}_kept`],
    );
    await host.removeVolume(`${stackName}_kept`);
    await keepLogs(host, this.#plan.evidence);
    await host.node.removeDirectory();
  }

  async #leave(): Promise<void> {
    const host = this.#host;
    const left = host.insist('docker swarm leave', async () => {
      const outcome = await host.node.tryDocker('swarm', 'leave', '--force');
      // An answer that was lost: it is done.
      return outcome.stderr.includes('not part of a swarm') ? { ...outcome, code: 0 } : outcome;
    });
    if (this.#dice.chance(0.3)) {
      const killed = drawTargets(this.#dice, this.#dice.below(3));
      await sleep(this.#dice.below(600));
      this.#plan.report(`  docker swarm leave: kill -9 of ${killed.join(' and ')}`);
      await host.killAndReturn(killed, this.#dice);
    }
    await left;
  }
}

/** Each process in turn, so that all are killed equally often; sometimes another one with it. */
function drawTargets(dice: Prng, fault: number): readonly Process[] {
  const first = processes[fault % processes.length] ?? 'daemon';
  return processes.filter((one) => one === first || dice.chance(0.12));
}

/**
 * What is on the machine now and was not before, and the other way round. Lines count once: an
 * engine that starts again writes some of its rules again.
 */
function differences(before: MachineState | undefined, after: MachineState): readonly string[] {
  const linesOf = (state: MachineState): ReadonlySet<string> => {
    const parts: readonly (readonly [string, readonly string[]])[] = Object.entries(state);
    return new Set(parts.flatMap(([what, lines]) => lines.map((line) => `${what}: ${line}`)));
  };
  const old = before === undefined ? new Set<string>() : linesOf(before);
  const now = linesOf(after);
  return [
    ...[...now.difference(old)].map((line) => `left: ${line}`),
    ...[...old.difference(now)].map((line) => `lost: ${line}`),
  ];
}

/**
 * A `dockerd` that is killed forgets pairs of links that it was about to hand out, and rules of its
 * own tables for networks. Ours are in a table of their own, whose head would be seen, and one that
 * asks for a mark. No port is published by the engine, so no rule may lead to a container. What an
 * engine left in the episode before may go in this one.
 */
function isLeftByKilledEngine(line: string): boolean {
  return (
    /^(left|lost): links: veth\w+@veth\w+:$/.test(line) ||
    /^(left|lost): packetFilter: (?!.*mark).*(masquerade|accept)$/.test(line)
  );
}

function describe(record: FaultRecord): string {
  const what = record.power ? 'power failure' : `kill -9 of ${record.killed.join(' and ')}`;
  const seconds = (record.convergedMs / 1_000).toFixed(1);
  return `seed ${record.seed}, fault ${record.fault}: ${what} during "${record.action}": as declared after ${seconds} s`;
}
