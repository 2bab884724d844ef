import type { MachineProcess, PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { hostCgroup } from './cgroups.ts';
import { containerdConfig, containerdParameters, dockerdParameters } from './engine-parameters.ts';
import type { HostSite } from './host-power.ts';
import { leftOnHost } from './namespace-call.ts';
import { hostPlaces, insideHost } from './places.ts';
import {
  findPlayground,
  type HostPart,
  hostVariable,
  idVariable,
  isLauncher,
  marks,
  parts,
} from './processes.ts';
import { until } from './programs.ts';

const readyLimitMs = 60_000;
const launchLimitMs = 10_000;
/** How often it is looked whether what shall answer still runs. */
const lookEveryMs = 500;
const shownLines = 10;

export interface PoweredHost extends HostSite {
  readonly firstPid: number;
  readonly signal: AbortSignal;
}

/** Starts the host's container engine where none runs, and waits until it answers. */
export async function startEngine(machine: PlaygroundMachine, host: PoweredHost): Promise<void> {
  const places = hostPlaces(host.state, host.host);
  const running = await runningParts(machine, host);
  await machine.writeFile(places.containerdConfig, containerdConfig);
  await machine.writeFile(places.engineConfig, '{}\n');
  if (!running.has('containerd')) {
    await leave(machine, host, {
      program: 'containerd',
      parameters: containerdParameters({
        config: places.containerdConfig,
        root: `${places.dataDirectory}/containerd`,
        state: insideHost.containerdState,
        socket: insideHost.containerdSocket,
      }),
      logFile: places.engineLog,
    });
  }
  if (!running.has('engine')) {
    // The number in it may belong to another process by now.
    await machine.removeTree(`${places.runDirectory}/docker.pid`);
    await leave(machine, host, {
      program: 'dockerd',
      parameters: dockerdParameters({
        config: places.engineConfig,
        root: `${places.dataDirectory}/engine`,
        state: insideHost.engineState,
        pidFile: insideHost.enginePidFile,
        socket: insideHost.engineSocket,
        containerdSocket: insideHost.containerdSocket,
        // Swarm refuses engines whose containers outlive them.
        liveRestore: host.state.orchestrator !== 'swarm',
        cgroupParent: hostCgroup(host.state, host.host.name),
      }),
      logFile: places.engineLog,
    });
  }
  await untilAnswers(machine, host, { part: 'engine', socketPath: places.engineSocket });
}

/**
 * Starts the host's `tutti daemon` where none runs and one shall, and waits until it answers.
 */
export async function startDaemon(machine: PlaygroundMachine, host: PoweredHost): Promise<void> {
  if (host.state.orchestrator === 'swarm') return;
  const places = hostPlaces(host.state, host.host);
  if (!(await runningParts(machine, host)).has('daemon')) {
    const [program, ...first] = machine.tuttiCommand;
    await leave(machine, host, {
      program,
      parameters: [
        ...first,
        'daemon',
        `--data-dir=${places.dataDirectory}/tutti`,
        `--socket=${insideHost.apiSocket}`,
        `--container-engine=unix://${insideHost.engineSocket}`,
        `--node-name=${host.host.name}`,
      ],
      logFile: places.daemonLog,
    });
  }
  await untilAnswers(machine, host, { part: 'daemon', socketPath: places.apiSocket });
}

/** What runs; a command that was killed may have begun to start something. */
async function runningParts(
  machine: PlaygroundMachine,
  site: HostSite & { readonly signal: AbortSignal },
): Promise<ReadonlySet<HostPart>> {
  const { state, host, signal } = site;
  const isUnderWay = (one: MachineProcess): boolean =>
    one.environment[idVariable] === state.id &&
    one.environment[hostVariable] === host.name &&
    isLauncher(one);
  // Processes are listed one after the other: a launcher that hands over to its child meanwhile is
  // in no list, but that child is in the next one.
  let quietLists = 0;
  const isQuiet = (): boolean => {
    quietLists = machine.listProcesses(marks).some(isUnderWay) ? 0 : quietLists + 1;
    return quietLists >= 2;
  };
  await until(machine, {
    look: () => (isQuiet() ? true : undefined),
    limitMs: launchLimitMs,
    late: () => `something on ${host.name} is always about to start`,
    signal,
  });
  return partsOf(machine, site);
}

function partsOf(machine: PlaygroundMachine, { state, host }: HostSite): ReadonlySet<HostPart> {
  const ownPidNamespace = machine.namespaceOf('self', 'pid');
  const processes = machine.listProcesses(marks);
  const { hosts } = findPlayground(processes, { id: state.id, ownPidNamespace });
  const found = hosts.get(host.name)?.parts ?? {};
  return new Set(parts.filter((part) => found[part] !== undefined));
}

async function leave(
  machine: PlaygroundMachine,
  { state, host, firstPid }: PoweredHost,
  call: {
    readonly program: string;
    readonly parameters: readonly string[];
    readonly logFile: string;
  },
): Promise<void> {
  const environment = { [idVariable]: state.id, [hostVariable]: host.name };
  await machine.start({ ...leftOnHost(firstPid, call), environment, logFile: call.logFile });
}

async function untilAnswers(
  machine: PlaygroundMachine,
  host: PoweredHost,
  { part, socketPath }: { readonly part: 'engine' | 'daemon'; readonly socketPath: string },
): Promise<void> {
  const places = hostPlaces(host.state, host.host);
  const log = part === 'engine' ? places.engineLog : places.daemonLog;
  const peer = machine.openPeer(socketPath);
  const what = part === 'engine' ? 'container engine' : 'daemon';
  const describe = async (does: string): Promise<string> => {
    const said = (await machine.readFile(log)) ?? '';
    const last = said.trimEnd().split('\n').slice(-shownLines).join('\n');
    return `the ${what} of ${host.host.name} ${does}; its log ends with:\n${last}`;
  };
  const { signal } = host;
  let lookAgainAt = machine.clock.now() + lookEveryMs;
  await until(machine, {
    look: async () => {
      const answer = await peer.call({ method: 'GET', target: '/_ping', signal }).catch(whenSilent);
      if (answer?.status === 200) return true;
      if (machine.clock.now() < lookAgainAt) return undefined;
      lookAgainAt = machine.clock.now() + lookEveryMs;
      if (partsOf(machine, host).has(part)) return undefined;
      throw new TuttiError('unavailable', await describe('ended'));
    },
    limitMs: readyLimitMs,
    late: () => describe('does not answer'),
    signal,
  });
}

function whenSilent(error: unknown): undefined {
  if (error instanceof TuttiError && error.code === 'unavailable') return undefined;
  throw error;
}
