import type { ClusterOutcome } from './cluster/cluster-life.ts';
import type { ManagersOutcome } from './managers/managers-life.ts';
import type { Outcome } from './scenario.ts';

const shownViolations = 5;

/** What many seeds came to. */
export interface Tally {
  readonly seeds: number;
  readonly passed: number;
  readonly writes: number;
  readonly faults: number;
  readonly containers: number;
  readonly commits: number;
  readonly virtualMs: number;
  readonly clusters: {
    readonly seeds: number;
    readonly passed: number;
    readonly cuts: number;
    readonly faults: Readonly<Record<string, number>>;
    readonly virtualMs: number;
  };
  /** Clusters with several managers. */
  readonly managers: {
    readonly seeds: number;
    readonly passed: number;
    readonly faults: Readonly<Record<string, number>>;
    readonly takeovers: number;
    readonly elections: number;
    readonly writes: number;
    readonly virtualMs: number;
  };
}

export const noSeeds: Tally = {
  seeds: 0,
  passed: 0,
  writes: 0,
  faults: 0,
  containers: 0,
  commits: 0,
  virtualMs: 0,
  clusters: { seeds: 0, passed: 0, cuts: 0, faults: {}, virtualMs: 0 },
  managers: {
    seeds: 0,
    passed: 0,
    faults: {},
    takeovers: 0,
    elections: 0,
    writes: 0,
    virtualMs: 0,
  },
};

/** What a seed came to, as one node and as a cluster of one kind or the other. */
export function tallyOf(
  one: Outcome,
  other: { readonly cluster: ClusterOutcome } | { readonly several: ManagersOutcome },
): Tally {
  const { writes, faults, containers, commits, virtualMs } = one;
  return {
    ...noSeeds,
    seeds: 1,
    passed: hasPassed(one),
    writes,
    faults,
    containers,
    commits,
    virtualMs,
    ...('cluster' in other
      ? { clusters: tallyOfCluster(other.cluster) }
      : { managers: tallyOfManagers(other.several) }),
  };
}

function tallyOfCluster(outcome: ClusterOutcome): Tally['clusters'] {
  const { cuts, virtualMs } = outcome;
  const faults = countsOf(outcome.faults);
  return { seeds: 1, passed: hasPassed(outcome), cuts, faults, virtualMs };
}

function tallyOfManagers(outcome: ManagersOutcome): Tally['managers'] {
  const { takeovers, elections, writes, virtualMs } = outcome;
  const faults = countsOf(outcome.faults);
  return { seeds: 1, passed: hasPassed(outcome), faults, takeovers, elections, writes, virtualMs };
}

function countsOf(kinds: readonly string[]): Readonly<Record<string, number>> {
  const all = Map.groupBy(kinds, (kind) => kind);
  return Object.fromEntries([...all].map(([kind, some]) => [kind, some.length]));
}

function hasPassed({ violations }: { readonly violations: readonly unknown[] }): number {
  return violations.length === 0 ? 1 : 0;
}

export function add(left: Tally, right: Tally): Tally {
  return {
    seeds: left.seeds + right.seeds,
    passed: left.passed + right.passed,
    writes: left.writes + right.writes,
    faults: left.faults + right.faults,
    containers: left.containers + right.containers,
    commits: left.commits + right.commits,
    virtualMs: left.virtualMs + right.virtualMs,
    clusters: {
      ...sums(left.clusters, right.clusters),
      faults: sums(left.clusters.faults, right.clusters.faults),
    },
    managers: {
      ...sums(left.managers, right.managers),
      faults: sums(left.managers.faults, right.managers.faults),
    },
  };
}

/** Adds number by number; what is only on one side stays. */
function sums<Numbers extends object>(left: Numbers, right: Numbers): Numbers {
  const total = new Map<string, unknown>(Object.entries(left));
  for (const [key, value] of Object.entries(right)) {
    const before = total.get(key) ?? 0;
    if (typeof value === 'number' && typeof before === 'number') total.set(key, before + value);
  }
  return Object.fromEntries(total) as Numbers;
}

export function describe(tally: Tally): string {
  const { seeds, clusters, managers } = tally;
  const virtualMs = tally.virtualMs + clusters.virtualMs + managers.virtualMs;
  const faults = tally.faults + countOf(clusters) + countOf(managers);
  return [
    `${tally.passed} of ${seeds} seeds of one node, ` +
      `${clusters.passed} of ${clusters.seeds} of clusters with one manager and ` +
      `${managers.passed} of ${managers.seeds} with several passed`,
    `${tally.writes + managers.writes} writes acknowledged`,
    `${faults} faults`,
    `${clusters.cuts} cuts`,
    `${managers.takeovers} changes of the leading manager`,
    `${tally.containers} containers`,
    `${tally.commits} commits`,
    `${(virtualMs / 60_000).toFixed(0)} minutes of virtual time`,
  ].join(', ');
}

/** How often each kind of fault came: a line for each kind of cluster. */
export function describeFaults({ clusters, managers }: Tally): readonly string[] {
  const said = ({ faults }: { readonly faults: Readonly<Record<string, number>> }) =>
    Object.entries(faults)
      .toSorted(([, one], [, other]) => other - one)
      .map(([kind, count]) => `${kind} ${count}`);
  const elected = `etcd elected ${managers.elections} times`;
  return [
    `faults with one manager: ${said(clusters).join(', ')}`,
    `faults with several: ${[...said(managers), elected].join(', ')}`,
  ];
}

function countOf({ faults }: { readonly faults: Readonly<Record<string, number>> }): number {
  return Object.values(faults).reduce((sum, count) => sum + count, 0);
}

/** The first ones, a line each. */
export function violationLines(
  violations: readonly { readonly check: string; readonly message: string }[],
): readonly string[] {
  const left = violations.length - shownViolations;
  return [
    ...violations
      .slice(0, shownViolations)
      .map(({ check, message }) => `  ${check}: ${message.split('\n', 3).join(' ')}`),
    ...(left > 0 ? [`  and ${left} more`] : []),
  ];
}
