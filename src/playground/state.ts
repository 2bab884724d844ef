import { TuttiError } from '../lib/error.ts';

export type HostRole = 'manager' | 'worker';

/**
 * What makes the hosts a cluster: Tutti, whose daemon runs on each, or their container engines by
 * themselves (Docker Swarm), which are then without `live-restore`. For comparisons.
 */
export type Orchestrator = 'tutti' | 'swarm';

/** A host as it was planned. */
export interface PlaygroundHost {
  readonly name: string;
  readonly role: HostRole;
  /** On the fabric. */
  readonly address: string;
}

/** Packets from one host to another are dropped. */
export interface Cut {
  readonly from: string;
  readonly to: string;
}

/** A part of the packets into or out of a host is dropped. */
export interface Loss {
  readonly host: string;
  readonly direction: 'in' | 'out';
  /** Hundredths of a percent: 1000 of 10,000 packets for 10 %. */
  readonly ofTenThousand: number;
}

/**
 * Everything that is remembered of a playground. It is on disk before anything is made, and gone
 * after everything is; what runs is never remembered, but looked up.
 */
export interface PlaygroundState {
  readonly version: 1;
  /** Marks every process, link and cgroup of the playground; unlike its name, used once. */
  readonly id: string;
  readonly name: string;
  readonly phase: 'making' | 'up' | 'leaving';
  /** Default `tutti`. */
  readonly orchestrator?: Orchestrator;
  /** Of the fabric, such as `198.18.0.0/24`. */
  readonly subnet: string;
  /** Of this machine on the fabric. */
  readonly machineAddress: string;
  readonly hosts: readonly PlaygroundHost[];
  readonly cuts: readonly Cut[];
  readonly losses: readonly Loss[];
}

/** What a link leads to that leads to no host: the machine itself. */
export const machineName = 'machine';

export function findHost(state: PlaygroundState, name: string): PlaygroundHost {
  const host = state.hosts.find((one) => one.name === name);
  if (host !== undefined) return host;
  const names = state.hosts.map((one) => one.name).join(', ');
  throw new TuttiError('not-found', `no such host: ${name}`, {
    field: 'host',
    hint: `The playground ${state.name} has ${names}.`,
  });
}

export interface Partition {
  readonly hosts: readonly string[];
  /** From whom; default: from all hosts that are not in `hosts`. */
  readonly from?: readonly string[];
  /** `in`: the hosts hear nothing; `out`: nobody hears them; default both. */
  readonly oneWay?: 'in' | 'out';
}

/** Cuts links, besides those that are cut already. */
export function partition(state: PlaygroundState, request: Partition): PlaygroundState {
  for (const name of request.hosts) findHost(state, name);
  for (const name of request.from ?? []) if (name !== machineName) findHost(state, name);
  const others = request.from ?? state.hosts.map(({ name }) => name);
  const cuts = [...state.cuts];
  for (const host of request.hosts) {
    for (const other of others.filter((name) => !request.hosts.includes(name))) {
      if (request.oneWay !== 'out') cuts.push({ from: other, to: host });
      if (request.oneWay !== 'in') cuts.push({ from: host, to: other });
    }
  }
  if (cuts.length === state.cuts.length) {
    throw new TuttiError('invalid-argument', 'there is nobody to be cut off from', {
      field: 'hosts',
      hint: 'Name fewer hosts, or others with --from.',
    });
  }
  return { ...state, cuts: withoutRepeats(cuts) };
}

function withoutRepeats(cuts: readonly Cut[]): readonly Cut[] {
  return [...new Map(cuts.map((cut) => [`${cut.from} ${cut.to}`, cut])).values()];
}

export interface LossRequest {
  readonly host: string;
  readonly ofTenThousand: number;
  readonly oneWay?: 'in' | 'out';
}

/** Sets how many packets of a host get lost, in both directions or in one. */
export function setLoss(state: PlaygroundState, request: LossRequest): PlaygroundState {
  const { host, ofTenThousand, oneWay } = request;
  findHost(state, host);
  const directions = oneWay === undefined ? (['in', 'out'] as const) : [oneWay];
  const kept = state.losses.filter(
    (loss) => loss.host !== host || !directions.includes(loss.direction),
  );
  const added = directions.map((direction) => ({ host, direction, ofTenThousand }));
  return { ...state, losses: ofTenThousand === 0 ? kept : [...kept, ...added] };
}

/** Takes back cuts and losses of these hosts, or of all. */
export function heal(state: PlaygroundState, hosts: readonly string[]): PlaygroundState {
  for (const name of hosts) findHost(state, name);
  if (hosts.length === 0) return { ...state, cuts: [], losses: [] };
  return {
    ...state,
    cuts: state.cuts.filter(({ from, to }) => !hosts.includes(from) && !hosts.includes(to)),
    losses: state.losses.filter(({ host }) => !hosts.includes(host)),
  };
}

/**
 * @throws TuttiError `internal` for a text that no version of Tutti wrote.
 */
export function readState(text: string, file: string): PlaygroundState {
  const found = parseJson(text);
  if (isState(found)) return found;
  throw new TuttiError('internal', `${file} is not the state of a playground`, {
    hint: 'Another version of Tutti may have written it: take that one to remove the playground.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Said by the caller.
    return undefined;
  }
}

function isState(found: unknown): found is PlaygroundState {
  return typeof found === 'object' && found !== null && 'version' in found && found.version === 1;
}
