import type { Prng } from '../../src/lib/prng.ts';
import type { HostPart } from '../../src/playground/processes.ts';

/** A signal to a part of a host. */
export type SignalFault = `${'kill' | 'freeze'} ${HostPart}`;

/** What happens to a host: to a part of it, its links, its power, or its disk. */
export type FaultKind =
  | SignalFault
  | 'restart daemon'
  | 'power off'
  | 'cut'
  | 'cut, hears nothing'
  | 'cut, is not heard'
  | 'fill disk';

/** Who it happens to; which host that is shows when it happens. */
export type Victim = 'worker' | 'leader' | 'follower';

export interface Fault {
  readonly kind: FaultKind;
  readonly victim: Victim;
  /** Which of several followers or workers: a fraction in [0, 1). */
  readonly choice: number;
  /** From the fault to its healing. */
  readonly holdMs: number;
}

const onEveryNode: readonly FaultKind[] = [
  'kill daemon',
  'kill engine',
  'freeze daemon',
  'restart daemon',
  'power off',
  'cut',
  'cut, hears nothing',
  'cut, is not heard',
  'fill disk',
];
const onManagers: readonly FaultKind[] = ['kill manager', 'freeze manager'];
const onManagersWithEtcd: readonly FaultKind[] = ['kill etcd', 'freeze etcd'];

const shortestHoldMs = 2_000;
/**
 * A daemon that is dead or frozen stops no fenced task: its guard does, before others have it ten
 * seconds after the node was heard (docs/design/liveness.md, Fencing). Many are away for longer.
 */
const longestWithoutDaemonMs = 20_000;

export interface FaultsRequest {
  readonly count: number;
  /** More than one: there are followers, and etcd. */
  readonly managers: number;
  readonly longestHoldMs: number;
}

/** Faults in a row: each kind on each sort of node once, in an order of chance, and then again. */
export function drawFaults(
  dice: Prng,
  { count, managers, longestHoldMs }: FaultsRequest,
): readonly Fault[] {
  const faults: Fault[] = [];
  let deck: (readonly [Victim, FaultKind])[] = [];
  while (faults.length < count) {
    if (deck.length === 0) deck = everyFault(managers);
    const [card] = deck.splice(dice.below(deck.length), 1);
    if (card === undefined) continue;
    const [victim, kind] = card;
    const mostMs = kind.endsWith('daemon') ? longestWithoutDaemonMs : longestHoldMs;
    const holdMs = shortestHoldMs + dice.below(mostMs - shortestHoldMs);
    faults.push({ kind, victim, choice: dice.fraction(), holdMs });
  }
  return faults;
}

function everyFault(managers: number): (readonly [Victim, FaultKind])[] {
  const ofManagers = [...onEveryNode, ...onManagers, ...(managers > 1 ? onManagersWithEtcd : [])];
  return [
    ...onEveryNode.map((kind) => ['worker', kind] as const),
    ...ofManagers.map((kind) => ['leader', kind] as const),
    ...(managers > 1 ? ofManagers.map((kind) => ['follower', kind] as const) : []),
  ];
}

/** Whether the node is lost to the application: nobody can ask it, or it is missed by others. */
export function losesNode({ kind }: Fault): boolean {
  return kind === 'power off' || kind.startsWith('cut');
}

/** Whether requests may get lost for a moment: a node is lost, or the leader. */
export function hasWindow(fault: Fault): boolean {
  return losesNode(fault) || fault.victim === 'leader';
}

export function isSignal(kind: FaultKind): kind is SignalFault {
  return kind.startsWith('kill ') || kind.startsWith('freeze ');
}
