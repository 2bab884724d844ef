import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../../src/lib/prng.ts';
import { findDifference, findLeader } from './check.ts';
import { Client, type LostRequest, type Traffic } from './client.ts';
import { ClusterSite, type ServiceName } from './cluster-site.ts';
import { drawFaults, type Fault, hasWindow, losesNode } from './fault.ts';
import { FenceWatch } from './fence-watch.ts';
import { inflict, mend } from './inflict.ts';
import { keepLogs } from './keep-logs.ts';
import { Writer } from './writer.ts';

export interface ClusterPlan {
  readonly seed: number;
  readonly faults: number;
  readonly managers: number;
  readonly workers: number;
  /** From a fault to its healing, at most. */
  readonly longestHoldMs: number;
  /** Of the requests outside of windows, at most one in so many may get lost. */
  readonly oneLostOf: number;
  /** Where the logs go if it fails. */
  readonly evidence: string;
  readonly report: (line: string) => void;
  /** Ends the run early; what was made is removed. */
  readonly signal: AbortSignal;
}

/** One fault, and how the cluster came out of it. */
export interface ClusterFaultRecord {
  readonly number: number;
  readonly kind: Fault['kind'];
  readonly victim: Fault['victim'];
  readonly host: string;
  readonly holdMs: number;
  /** From the moment at which the fault was taken back until everything was as declared. */
  readonly healMs: number;
  /** What was still different before that. */
  readonly last: string;
  /** The longest time without an acknowledged write. */
  readonly writeGapMs: number;
  readonly writes: number;
  readonly requests: number;
  readonly lostInside: number;
  readonly lostOutside: number;
}

export interface ClusterResult {
  readonly seed: number;
  readonly records: readonly ClusterFaultRecord[];
}

/** After a node or the leader is lost, requests may get lost for so long. */
const windowMs = 4_000;
const healLimitMs = 90_000;
const pollMs = 200;
/** Between two faults, so that what one does later does not count for the next one. */
const restMs = 1_000;
const shownLost = 5;
/** What takes longer than this to heal says why. */
const lateMs = 5_000;

/**
 * Damages a cluster again and again; throws when an acknowledged write is lost, a slot runs twice
 * after healing, the fenced service runs twice at any time, too many requests are lost outside of
 * the windows, or something does not heal.
 */
export async function runClusterFaults(plan: ClusterPlan): Promise<ClusterResult> {
  const { seed, managers, workers, longestHoldMs } = plan;
  const request = { count: plan.faults, managers, longestHoldMs };
  const faults = drawFaults(new Prng(seed), request);
  await using site = await ClusterSite.up({ managers, workers });
  try {
    for (const host of hostsWithDisks(site, faults)) await site.giveDisk(host);
    await site.playground.untilReady(site.hosts.length);
    await site.deploy();
    await untilAsDeclared(site, { when: 'after the deployment', signal: plan.signal });
    plan.report(`seed ${seed}: ${site.hosts.length} nodes and an application are there`);
    const records = await damage(site, { faults, plan });
    return { seed, records };
  } catch (error) {
    plan.report(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    await keepLogs(site, plan.evidence);
    plan.report(`logs are kept in ${plan.evidence}`);
    throw error;
  }
}

/** Who may lead shows later: every manager may be the one whose disk is full. */
function hostsWithDisks(site: ClusterSite, faults: readonly Fault[]): readonly string[] {
  const victims = faults.filter(({ kind }) => kind === 'fill disk').map(({ victim }) => victim);
  return [
    ...(victims.some((victim) => victim !== 'worker') ? site.managers : []),
    ...(victims.includes('worker') ? site.workers : []),
  ];
}

async function damage(
  site: ClusterSite,
  { faults, plan }: { readonly faults: readonly Fault[]; readonly plan: ClusterPlan },
): Promise<readonly ClusterFaultRecord[]> {
  const { signal } = plan;
  await using writer = new Writer(site);
  await using client = new Client(site);
  await using fence = new FenceWatch(site);
  const records: ClusterFaultRecord[] = [];
  for (const [index, fault] of faults.entries()) {
    const number = index + 1;
    const host = await chooseHost(site, fault);
    plan.report(
      `${clockTime()} fault ${number}: ${fault.kind} (${fault.victim}, ${host}) for ${fault.holdMs} ms`,
    );
    const writesBefore = writer.count;
    const from = Date.now();
    if (losesNode(fault)) client.leave(host);
    await inflict(site, { kind: fault.kind, host });
    if (hasWindow(fault)) client.addWindow({ from, to: Date.now() + windowMs });
    await sleep(fault.holdMs, undefined, { signal });
    const mendedAt = Date.now();
    await mend(site, host);
    const last = await untilAsDeclared(site, { when: `after fault ${number}`, signal });
    const healMs = Date.now() - mendedAt;
    client.comeBack(host);
    await site.spread();
    await untilAsDeclared(site, { when: `after the rebalance after fault ${number}`, signal });
    await sleep(restMs, undefined, { signal });
    await checkWrites(site, writer);
    const overlap = fence.findOverlap();
    if (overlap !== undefined) throw new Error(`after fault ${number}: ${overlap}`);
    const traffic = await client.take();
    const record: ClusterFaultRecord = {
      number,
      kind: fault.kind,
      victim: fault.victim,
      host,
      holdMs: fault.holdMs,
      healMs,
      last,
      writeGapMs: writer.longestGapMs(from, Date.now()),
      writes: writer.count - writesBefore,
      requests: traffic.requests,
      lostInside: traffic.inside.length,
      lostOutside: traffic.outside.length,
    };
    records.push(record);
    for (const line of describe(record, { traffic, from })) plan.report(line);
  }
  checkLost(records, plan.oneLostOf);
  return records;
}

/**
 * Of the sort that was drawn; without a daemon it is the one with the fenced task, where it can be.
 */
async function chooseHost(site: ClusterSite, { kind, victim, choice }: Fault): Promise<string> {
  const leader = await findLeader(site, site.managers);
  if (leader === undefined) throw new Error('no manager says who leads');
  if (victim === 'leader') return leader;
  const hosts =
    victim === 'worker' ? site.workers : site.managers.filter((name) => name !== leader);
  const fenced = kind.endsWith('daemon')
    ? await hostOf(site, { service: 'alone', hosts })
    : undefined;
  return fenced ?? hosts[Math.floor(choice * hosts.length)] ?? leader;
}

/** The first of these hosts on which the service runs. */
async function hostOf(
  site: ClusterSite,
  { service, hosts }: { readonly service: ServiceName; readonly hosts: readonly string[] },
): Promise<string | undefined> {
  for (const host of hosts) {
    const containers = (await site.containersOf(host, service)) ?? [];
    if (containers.some(({ State }) => State === 'running')) return host;
  }
  return undefined;
}

/** Returns what was different until then. */
async function untilAsDeclared(
  site: ClusterSite,
  { when, signal }: { readonly when: string; readonly signal: AbortSignal },
): Promise<string> {
  const giveUpAt = Date.now() + healLimitMs;
  let last = '';
  for (;;) {
    const difference = await findDifference(site);
    if (difference === undefined) return last;
    last = difference;
    if (Date.now() > giveUpAt) throw new Error(`not as declared ${when}: ${difference}`);
    await sleep(pollMs, undefined, { signal });
  }
}

async function checkWrites(site: ClusterSite, writer: Writer): Promise<void> {
  for (const manager of site.managers) {
    const lost = await writer.findLost(manager);
    if (lost.length === 0) continue;
    const some = lost.slice(0, shownLost).join(', ');
    throw new Error(`${manager} lost ${lost.length} acknowledged writes: ${some}`);
  }
}

function checkLost(records: readonly ClusterFaultRecord[], oneLostOf: number): void {
  const requests = records.reduce((sum, one) => sum + one.requests, 0);
  const lost = records.reduce((sum, one) => sum + one.lostOutside, 0);
  if (lost * oneLostOf <= requests) return;
  throw new Error(`${lost} of ${requests} requests were lost outside of the windows`);
}

function describe(
  record: ClusterFaultRecord,
  { traffic, from }: { readonly traffic: Traffic; readonly from: number },
): readonly string[] {
  const line =
    `  healed after ${record.healMs} ms; ${record.writes} writes, longest gap ` +
    `${record.writeGapMs} ms; ${record.requests} requests, lost ${record.lostInside} inside ` +
    `and ${record.lostOutside} outside of the window`;
  const say = (one: LostRequest) =>
    `    lost outside: ${one.host}, ${one.from - from} to ${one.to - from} ms after: ${one.why}`;
  const late = record.healMs > lateMs ? [`    at last: ${record.last}`] : [];
  return [line, ...late, ...traffic.outside.slice(0, shownLost).map(say)];
}

function clockTime(): string {
  return new Date().toISOString().slice(11, 23);
}
