import { setTimeout as sleep } from 'node:timers/promises';
import { findLeader } from '../cluster/check.ts';
import { type Look, look } from './look.ts';
import { PartitionSite, replicas, scaledUp } from './partition-site.ts';

export const kinds = ['a worker', 'a follower', 'the leader', 'a manager and a worker'] as const;
export type PartitionKind = (typeof kinds)[number];

export interface PartitionPlan {
  readonly managers: number;
  readonly workers: number;
  readonly durationsSeconds: readonly number[];
  readonly kinds: readonly PartitionKind[];
  readonly report: (line: string) => void;
}

/** What was cut off, and how long names and ports were wrong after it was back. */
export interface PartitionRecord {
  readonly kind: PartitionKind;
  readonly hosts: readonly string[];
  readonly durationMs: number;
  /** From the healing until the last moment at which a name or a port was wrong on a node. */
  readonly wrongUntilMs: number;
  /** The same for services that had not as many tasks as declared. */
  readonly lackingUntilMs: number;
  /** What was wrong at last. */
  readonly last: string;
  readonly looks: number;
}

/** What there is before each partition, and after it again. */
const before = { web: replicas.web, gone: replicas.gone };
/** Within that time of the healing everything has to be right. */
const limitMs = 5_000;
/** For so long after the healing it is looked at. */
const watchMs = 15_000;
const settleLimitMs = 90_000;
/** A new leader is there by then. */
const writeLimitMs = 15_000;
const wasDone = /name conflicts|[Nn]o such service|not found/;
const pollMs = 100;
const shownWrong = 3;

/**
 * Cuts nodes off, changes services meanwhile, and looks at every name and port on every node once
 * they are back.
 *
 * @throws when one of them is wrong for longer than 5 s.
 */
export async function runPartitions(plan: PartitionPlan): Promise<readonly PartitionRecord[]> {
  const { managers, workers, report } = plan;
  await using site = await PartitionSite.up({ managers, workers });
  await site.create('manager-1', 'web');
  await site.create('manager-1', 'gone');
  await untilRight(site, before);
  report(`${site.hosts.length} nodes and two services are there`);
  const records: PartitionRecord[] = [];
  for (const seconds of plan.durationsSeconds) {
    for (const kind of plan.kinds) {
      const record = await cutOff(site, { kind, durationMs: seconds * 1_000, report });
      records.push(record);
      const { hosts, wrongUntilMs, lackingUntilMs, looks, last } = record;
      report(
        `${kind} (${hosts.join(', ')}) for ${seconds} s: right ${wrongUntilMs} ms after the ` +
          `healing, all tasks there after ${lackingUntilMs} ms (${looks} looks)${last === '' ? '' : `; at last: ${last}`}`,
      );
      await restore(site);
    }
  }
  const late = records.filter(({ wrongUntilMs }) => wrongUntilMs > limitMs);
  if (late.length > 0) {
    throw new Error(`${late.length} of ${records.length} were wrong for longer than ${limitMs} ms`);
  }
  return records;
}

async function cutOff(
  site: PartitionSite,
  {
    kind,
    durationMs,
    report,
  }: Pick<PartitionRecord, 'kind' | 'durationMs'> & Pick<PartitionPlan, 'report'>,
): Promise<PartitionRecord> {
  const hosts = await choose(site, kind);
  const manager = site.managers.find((name) => !hosts.includes(name)) ?? 'manager-1';
  const healAt = Date.now() + durationMs;
  await site.playground.partition({ hosts });
  for (const host of hosts) await site.killOne(host);
  await untilWritten(() => site.create(manager, 'late'));
  await untilWritten(() => site.remove(manager, 'gone'));
  await untilWritten(() => site.scaleWeb(manager, scaledUp));
  await sleep(Math.max(healAt - Date.now(), 0));
  await site.playground.heal();
  const healedAt = Date.now();
  const declared = { web: scaledUp, late: replicas.late };
  let [wrongUntilMs, lackingUntilMs, looks, last] = [0, 0, 0, ''];
  while (Date.now() < healedAt + watchMs) {
    const begunMs = Date.now() - healedAt;
    const seen = await look(site, manager);
    if (seen !== undefined) looks += 1;
    if (seen !== undefined && seen.wrong.length > 0) {
      wrongUntilMs = Date.now() - healedAt;
      last = seen.wrong[0] ?? '';
      const lines = begunMs > limitMs ? seen.wrong.slice(0, shownWrong) : [];
      for (const line of lines) report(`  after ${begunMs} ms: ${line}`);
    }
    if (seen !== undefined && !hasTasks(seen, declared)) lackingUntilMs = Date.now() - healedAt;
    await sleep(pollMs);
  }
  return { kind, hosts, durationMs, wrongUntilMs, lackingUntilMs, last, looks };
}

async function choose(site: PartitionSite, kind: PartitionKind): Promise<readonly string[]> {
  const leader = await findLeader(site, site.managers);
  if (leader === undefined) throw new Error('no manager says who leads');
  const follower = site.managers.find((name) => name !== leader) ?? leader;
  const [worker = follower] = site.workers;
  switch (kind) {
    case 'a worker':
      return [worker];
    case 'a follower':
      return [follower];
    case 'the leader':
      return [leader];
    case 'a manager and a worker':
      return [follower, worker];
  }
}

/** As it was before, everywhere. */
async function restore(site: PartitionSite): Promise<void> {
  await untilWritten(() => site.remove('manager-1', 'late'));
  await untilWritten(() => site.create('manager-1', 'gone'));
  await untilWritten(() => site.scaleWeb('manager-1'));
  await untilRight(site, before);
}

/** A manager that has just lost its leader refuses for a moment, or cannot say what was done. */
async function untilWritten(write: () => Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + writeLimitMs;
  for (let turn = 0; ; turn += 1) {
    try {
      return await write();
    } catch (error) {
      if (turn > 0 && wasDone.test(String(error))) return;
      if (Date.now() > giveUpAt) throw error;
      await sleep(pollMs);
    }
  }
}

async function untilRight(site: PartitionSite, tasks: Look['tasks']): Promise<void> {
  const giveUpAt = Date.now() + settleLimitMs;
  for (;;) {
    const seen = await look(site, 'manager-1').catch((error: unknown) => ({
      wrong: [String(error)],
      tasks: {},
    }));
    if (seen !== undefined && isRight(seen, tasks)) return;
    if (Date.now() > giveUpAt) throw new Error(`not right: ${JSON.stringify(seen)}`);
    await sleep(pollMs);
  }
}

function isRight(seen: Look, tasks: Look['tasks']): boolean {
  return seen.wrong.length === 0 && hasTasks(seen, tasks);
}

function hasTasks(seen: Look, tasks: Look['tasks']): boolean {
  const count = Object.keys(tasks).length;
  if (Object.keys(seen.tasks).length !== count) return false;
  return Object.entries(tasks).every(
    ([service, wanted]) => seen.tasks[service as keyof Look['tasks']] === wanted,
  );
}
