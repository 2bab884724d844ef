import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { lookAt } from './host-changes.ts';
import { hostPlaces } from './places.ts';
import { type HostPart, parts } from './processes.ts';
import type { Cut, HostRole, Loss, Orchestrator, PlaygroundState } from './state.ts';

/** A host as it is now. */
export interface HostReport {
  readonly name: string;
  readonly role: HostRole;
  readonly address: string;
  /** `frozen`: something of it is stopped by a signal; `degraded`: something of it does not run. */
  readonly state: 'running' | 'frozen' | 'degraded' | 'off';
  /** A file for `nsenter --net=`; none without power. */
  readonly networkNamespace?: string;
  readonly apiSocket: string;
  readonly engineSocket: string;
  /** Where its data stands: logs, the engine's images, the daemon's data directory. */
  readonly directory: string;
  /** `init`, the first process of the host, and what runs of its parts. */
  readonly pids: Readonly<Record<string, number>>;
}

/** A playground as it is now. */
export interface PlaygroundReport {
  readonly name: string;
  readonly phase: PlaygroundState['phase'];
  readonly subnet: string;
  readonly machineAddress: string;
  readonly hosts: readonly HostReport[];
  readonly cuts: readonly Cut[];
  readonly losses: readonly Loss[];
}

/** Every host runs these; a manager process runs where the cluster has one. */
const expectedParts = {
  tutti: ['daemon', 'engine', 'containerd'],
  swarm: ['engine', 'containerd'],
} as const satisfies Record<Orchestrator, readonly HostPart[]>;

/** Looks at what runs of a playground. */
export function reportPlayground(
  machine: PlaygroundMachine,
  state: PlaygroundState,
): PlaygroundReport {
  const found = lookAt(machine, state);
  const hosts = state.hosts.map((host): HostReport => {
    const { apiSocket, engineSocket, dataDirectory } = hostPlaces(state, host);
    const running = found.hosts.get(host.name);
    const base = { ...host, apiSocket, engineSocket, directory: dataDirectory };
    if (running === undefined) return { ...base, state: 'off', pids: {} };
    const there = parts.flatMap((part) => {
      const process = running.parts[part];
      return process === undefined ? [] : [{ part, process }];
    });
    const expected = expectedParts[state.orchestrator ?? 'tutti'];
    const isWhole = expected.every((part) => running.parts[part] !== undefined);
    const isFrozen = there.some(({ process }) => process.isStopped);
    return {
      ...base,
      state: isFrozen ? 'frozen' : isWhole ? 'running' : 'degraded',
      networkNamespace: `/proc/${running.first.pid}/ns/net`,
      pids: {
        init: running.first.pid,
        ...Object.fromEntries(there.map(({ part, process }) => [part, process.pid])),
      },
    };
  });
  const { name, phase, subnet, machineAddress, cuts, losses } = state;
  return { name, phase, subnet, machineAddress, hosts, cuts, losses };
}
