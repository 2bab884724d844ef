import type { MachineProcess, PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { startFabric } from './fabric.ts';
import { hasFullPower, type HostSite, powerOff, powerOn } from './host-power.ts';
import { startDaemon, startEngine } from './host-services.ts';
import {
  findPlayground,
  type HostPart,
  type HostProcesses,
  marks,
  type PlaygroundProcesses,
  treeOf,
} from './processes.ts';
import { until } from './programs.ts';
import type { PlaygroundHost, PlaygroundState } from './state.ts';

const signalLimitMs = 10_000;

/** What of a host: a process of it, or all, which is its power. */
export type HostTarget = HostPart | 'all';

export interface HostChange {
  readonly state: PlaygroundState;
  readonly host: PlaygroundHost;
  readonly target: HostTarget;
  readonly signal: AbortSignal;
}

/** What runs of a playground now. */
export function lookAt(machine: PlaygroundMachine, { id }: PlaygroundState): PlaygroundProcesses {
  const ownPidNamespace = machine.namespaceOf('self', 'pid');
  return findPlayground(machine.listProcesses(marks), { id, ownPidNamespace });
}

/**
 * @throws TuttiError `failed-precondition` for a host without power.
 */
export function runningHost(
  machine: PlaygroundMachine,
  { state, host }: Pick<HostChange, 'state' | 'host'>,
): HostProcesses {
  const running = lookAt(machine, state).hosts.get(host.name);
  if (running !== undefined) return running;
  throw withoutPower({ state, host });
}

export function withoutPower({ state, host }: Pick<HostChange, 'state' | 'host'>): TuttiError {
  return new TuttiError('failed-precondition', `${host.name} has no power`, {
    hint: `Start it with: tutti playground start --name ${state.name} ${host.name}`,
  });
}

/**
 * The process that holds the fabric.
 *
 * @throws TuttiError `failed-precondition` for a playground that was not made to the end.
 */
export function runningFabric(machine: PlaygroundMachine, state: PlaygroundState): number {
  const { fabric } = lookAt(machine, state);
  if (fabric !== undefined) return fabric.pid;
  throw new TuttiError('failed-precondition', `the playground ${state.name} is not up`, {
    hint: `Remove it with: tutti playground down --name ${state.name}`,
  });
}

/** Makes the fabric again where the machine itself was switched off. */
export async function ensureFabric(
  machine: PlaygroundMachine,
  state: PlaygroundState,
): Promise<void> {
  if (state.phase !== 'up') runningFabric(machine, state);
  if (lookAt(machine, state).fabric === undefined) await startFabric(machine, state);
}

/** Ends a process of a host as a crash would, or takes the host's power. */
export async function killHost(machine: PlaygroundMachine, change: HostChange): Promise<void> {
  const { state, host } = change;
  const { first } = runningHost(machine, change);
  if (change.target === 'all') {
    const site = { state, host, fabric: runningFabric(machine, state) };
    await powerOff(machine, { site, firstPid: first.pid });
  } else {
    const pid = partOf(machine, { ...change, target: change.target });
    machine.signal(pid, 'SIGKILL');
    await until(machine, {
      // Its parent may be frozen, and then it is over and not cleared away.
      look: () => (machine.namespaceOf(pid, 'pid') === undefined ? true : undefined),
      limitMs: signalLimitMs,
      late: () => `the ${change.target} of ${host.name} does not end: process ${pid}`,
    });
  }
}

/** Stops processes of a host where they are, as those of a machine that hangs. */
export async function freezeHost(machine: PlaygroundMachine, change: HostChange): Promise<void> {
  const { first } = runningHost(machine, change);
  const pids =
    change.target === 'all'
      ? processesBelow(machine, first.pid).map(({ pid }) => pid)
      : [partOf(machine, { ...change, target: change.target })];
  for (const pid of pids) machine.signal(pid, 'SIGSTOP');
  const isGoing = (one: MachineProcess): boolean => pids.includes(one.pid) && !one.isStopped;
  await until(machine, {
    look: () => (machine.listProcesses([]).some(isGoing) ? undefined : true),
    limitMs: signalLimitMs,
    late: () => `processes of ${change.host.name} do not stop`,
  });
}

/** Brings back what does not run of a host, its power first, and lets go on what is frozen. */
export async function startHost(machine: PlaygroundMachine, change: HostChange): Promise<void> {
  const { state, host, signal } = change;
  const site = { state, host, fabric: runningFabric(machine, state) };
  const firstPid = (await poweredFirst(machine, site)) ?? (await powerOn(machine, site));
  for (const { pid, isStopped } of processesBelow(machine, firstPid)) {
    if (isStopped) machine.signal(pid, 'SIGCONT');
  }
  const powered = { ...site, firstPid, signal };
  await startEngine(machine, powered);
  await startDaemon(machine, powered);
}

/** The first process of a host with power; one that got it by half loses it. */
async function poweredFirst(
  machine: PlaygroundMachine,
  site: HostSite,
): Promise<number | undefined> {
  const firstPid = lookAt(machine, site.state).hosts.get(site.host.name)?.first.pid;
  if (firstPid === undefined) return undefined;
  if (await hasFullPower(machine, { ...site, firstPid })) return firstPid;
  await powerOff(machine, { site, firstPid });
  return undefined;
}

/** Everything on a host but its first process, which clears away what is over. */
function processesBelow(machine: PlaygroundMachine, firstPid: number) {
  return treeOf(firstPid, machine.listProcesses([])).filter(({ pid }) => pid !== firstPid);
}

function partOf(
  machine: PlaygroundMachine,
  { state, host, target }: HostChange & { readonly target: HostPart },
): number {
  const process = runningHost(machine, { state, host }).parts[target];
  if (process !== undefined) return process.pid;
  throw new TuttiError('failed-precondition', `no ${target} runs on ${host.name}`, {
    hint: `tutti playground start --name ${state.name} ${host.name} brings back what was killed.`,
  });
}
