import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLeader, listNodes, type NodeReply } from '../cluster/check.ts';
import { keepLogs } from '../cluster/keep-logs.ts';
import { Writer } from '../cluster/writer.ts';
import { exercise } from './exercise.ts';
import { currentVersion, migratedLabel, migrationEdits } from './newer-program.ts';
import type { Loss, Probe } from './probes.ts';
import { copyProgram, type ProgramCopy } from './program-copy.ts';
import { type SeenContainer, until, UpgradeSite } from './upgrade-site.ts';

export interface UpgradePlan {
  /** For the copies of the program. */
  readonly directory: string;
  readonly managers: number;
  readonly workers: number;
  /** Where the logs go if it fails. */
  readonly evidence: string;
  readonly report: (line: string) => void;
}

/** One node that got the next version. */
export interface UpgradeStep {
  readonly host: string;
  readonly isLeader: boolean;
  /** From the old program's being told to stop until the new one answers. */
  readonly restartMs: number;
  /** The longest time without an acknowledged write, whichever manager was asked. */
  readonly writeGapMs: number;
  readonly lost: readonly Loss[];
}

export interface UpgradeResult {
  readonly steps: readonly UpgradeStep[];
  readonly containers: number;
  readonly lookups: number;
  readonly requests: number;
  readonly writes: number;
  readonly lost: readonly Loss[];
  readonly refusal: string;
}

const nextVersion = '99.0.0';
/** Between two nodes, in which traffic shows what comes late. */
const restMs = 2_000;
const shownLosses = 12;

/**
 * Rolls the next version through a cluster; throws when a container ended or was made anew, a
 * lookup, a request or an acknowledged write was lost, or services could not be changed meanwhile.
 */
export async function runUpgrade(plan: UpgradePlan): Promise<UpgradeResult> {
  const from = await currentVersion();
  const before = await copyProgram(join(plan.directory, 'before'), { version: from, edits: [] });
  const edits = migrationEdits({ from, to: nextVersion });
  const next = await copyProgram(join(plan.directory, 'next'), { version: nextVersion, edits });
  plan.report(`versions ${before.version} and ${next.version} are built`);
  await using site = await UpgradeSite.up(before, plan);
  try {
    await site.deploy();
    plan.report(`${site.hosts.length} nodes and an application are there`);
    return await underTraffic(site, { plan, before, next });
  } catch (error) {
    await keepLogs(site, plan.evidence);
    plan.report(`logs are kept in ${plan.evidence}`);
    throw error;
  }
}

async function underTraffic(
  site: UpgradeSite,
  of: { readonly plan: UpgradePlan; readonly before: ProgramCopy; readonly next: ProgramCopy },
): Promise<UpgradeResult> {
  const { plan, before, next } = of;
  const containersBefore = await site.containers();
  using ended = new DisposableStack();
  await using stopped = new AsyncDisposableStack();
  const probes = (await site.startProbes()).map((probe) => ended.use(probe));
  const writers = site.managers.map((manager) =>
    stopped.use(new Writer({ managers: [manager], playground: site.playground }, manager)),
  );
  const traffic = { probes, writers };
  await sleep(restMs);
  await exercise(site, { program: 'before', report: plan.report });
  const steps: UpgradeStep[] = [];
  for (const host of await hostsInOrder(site)) {
    const step = await upgradeNode(site, { host, next, traffic });
    steps.push(step);
    plan.report(describeStep(step));
    for (const loss of step.lost.slice(0, shownLosses)) plan.report(`  ${describeLoss(loss)}`);
    const last = steps.length === site.hosts.length;
    if (!last) await exercise(site, { program: `${steps.length} upgraded`, report: plan.report });
  }
  await untilMigrated(site);
  await exercise(site, { program: 'all upgraded', report: plan.report });
  const refusal = await goBack(site, { before, next });
  plan.report(`the way back: ${refusal}`);
  await stopped.disposeAsync();
  const counts = await Promise.all(probes.map((probe) => probe.stop()));
  const lost = probes.flatMap(({ losses }) => losses);
  await checkWrites(site, writers);
  checkContainers(containersBefore, await site.containers());
  const fatal = lost.filter(({ kind }) => kind !== 'late lookup');
  if (fatal.length > 0) throw new Error(`${fatal.length} lookups and requests were lost`);
  plan.report('nothing was lost, and no container stopped');
  return {
    steps,
    containers: containersBefore.length,
    lookups: counts.reduce((sum, one) => sum + one.lookups, 0),
    requests: counts.reduce((sum, one) => sum + one.pages, 0),
    writes: writers.reduce((sum, one) => sum + one.count, 0),
    lost,
    refusal,
  };
}

/**
 * Workers, then managers, the leader last; but one worker after it, so that agents of either
 * version have had managers of either.
 */
async function hostsInOrder(site: UpgradeSite): Promise<readonly string[]> {
  const leader = await leaderOf(site);
  const managers = [...site.managers.filter((name) => name !== leader), leader];
  const [first = '', ...others] = site.workers;
  return others.length === 0 ? [...site.workers, ...managers] : [...others, ...managers, first];
}

async function leaderOf(site: UpgradeSite): Promise<string> {
  const [first = ''] = site.managers;
  if (site.managers.length === 1) return first;
  const leader = await findLeader(site, site.managers);
  if (leader === undefined) throw new Error('no manager says who leads');
  return leader;
}

async function upgradeNode(
  site: UpgradeSite,
  of: {
    readonly host: string;
    readonly next: ProgramCopy;
    readonly traffic: { readonly probes: readonly Probe[]; readonly writers: readonly Writer[] };
  },
): Promise<UpgradeStep> {
  const { host, next, traffic } = of;
  const isLeader = site.managers.includes(host) && (await leaderOf(site)) === host;
  const from = Date.now();
  const restartMs = await site.restartWith(next, host);
  await until(`all nodes are ready after ${host} was upgraded`, async () => {
    const nodes = await someNodes(site);
    return nodes.length > 0 && nodes.every(({ Status }) => Status.State === 'ready');
  });
  await sleep(restMs);
  const to = Date.now();
  const lost = traffic.probes
    .flatMap(({ losses }) => losses)
    .filter((one) => one.from <= to && one.to >= from);
  const gaps = traffic.writers.map((writer) => writer.longestGapMs(from, to));
  return { host, isLeader, restartMs, writeGapMs: Math.min(...gaps), lost };
}

/** As the first manager that answers has them. */
async function someNodes(site: UpgradeSite): Promise<readonly NodeReply[]> {
  for (const manager of site.managers) {
    const nodes = await listNodes(site.playground.client(manager)).catch(() => []);
    if (nodes.length > 0) return nodes;
  }
  return [];
}

/** The last migration shows on every service, whichever manager is asked. */
async function untilMigrated(site: UpgradeSite): Promise<void> {
  for (const manager of site.managers) {
    await until(`${manager} shows the migrated store`, async () => {
      const services = await site.playground
        .client(manager)
        .call<readonly { readonly Spec: { readonly Labels: Readonly<Record<string, string>> } }[]>({
          method: 'GET',
          path: '/v1.41/services',
          signal: AbortSignal.timeout(8_000),
        })
        .catch(() => []);
      const isNew = services.map(({ Spec }) => Spec.Labels[migratedLabel] === nextVersion);
      return isNew.length > 0 && isNew.every(Boolean);
    });
  }
}

/** A manager of the version before is refused the store, says why, and changes nothing. */
async function goBack(
  site: UpgradeSite,
  { before, next }: { readonly before: ProgramCopy; readonly next: ProgramCopy },
): Promise<string> {
  const [host = ''] = site.managers;
  const log = join(site.dataDirectory(host), 'manager/manager.log');
  const { size } = await stat(log);
  await site.restartWith(before, host);
  let refusal = '';
  await until(`${host} says that the store is too new for ${before.version}`, async () => {
    const said = (await readFile(log, 'utf8')).slice(size);
    refusal = /the store has schema version [^"]*/.exec(said)?.[0] ?? '';
    return refusal !== '';
  });
  await site.restartWith(next, host);
  await untilMigrated(site);
  return refusal;
}

async function checkWrites(site: UpgradeSite, writers: readonly Writer[]): Promise<void> {
  for (const manager of site.managers) {
    for (const writer of writers) {
      const lost = await writer.findLost(manager);
      if (lost.length === 0) continue;
      throw new Error(`${manager} lost ${lost.length} acknowledged writes: ${lost[0]} and others`);
    }
  }
}

/** The same containers, which were never stopped. */
function checkContainers(before: readonly SeenContainer[], after: readonly SeenContainer[]): void {
  const describe = (one: SeenContainer): string =>
    `${one.service} ${one.id.slice(0, 12)} on ${one.host}, since ${one.startedAt}, ` +
    `restarted ${one.restarts} times`;
  const there = new Set(after.map(describe));
  const gone = before.map(describe).filter((one) => !there.has(one));
  if (gone.length === 0 && after.length === before.length) return;
  const now = after.map(describe).join('\n  ');
  throw new Error(`containers were stopped or made anew: ${gone.join('; ')}\nnow:\n  ${now}`);
}

function describeStep({ host, isLeader, restartMs, writeGapMs, lost }: UpgradeStep): string {
  const lookups = lost.filter(({ kind }) => kind === 'lookup').length;
  const pages = lost.filter(({ kind }) => kind === 'page').length;
  const late = lost.length - lookups - pages;
  return (
    `${host}${isLeader ? ' (the leader)' : ''}: restarted in ${restartMs} ms, longest time ` +
    `without a write ${writeGapMs} ms; lost ${lookups} lookups, ${pages} requests; ${late} late`
  );
}

function describeLoss({ place, kind, what, why, from }: Loss): string {
  return `${new Date(from).toISOString().slice(11, 23)} ${place}: ${kind} of ${what}: ${why}`;
}
