import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { argv, cpuUsage, execPath, memoryUsage, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { View } from '../src/store/view.ts';
import { JsonLogger } from '../src/os/json-logger.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { SystemClock } from '../src/os/system-clock.ts';
import { SystemRandom } from '../src/os/system-random.ts';
import { isLive, slotKey } from '../src/store/schema.ts';
import { Store } from '../src/store/store.ts';
import type { CoreLoad } from './core-load.ts';
import { CoreCluster, type CoreSize } from './core-cluster.ts';

const replacements = 200;

/** One run; the clock runs from the first declaration until the last task is placed and durable. */
export interface CoreRun {
  readonly tasks: number;
  readonly tasksPerSecond: number;
  /** Of the slowest tenth of the tasks, in the order in which they became durable. */
  readonly slowestTenthPerSecond: number;
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly commits: number;
  readonly longestStallMs: number;
  /** From the report that a task failed until its replacement is placed and durable. */
  readonly replaceMedianMs: number;
  readonly residentMegabytes: number;
  readonly fileMegabytes: number;
  /** Opening the store again, with all its rows. */
  readonly loadMs: number;
}

/**
 * Places the tasks, checks that they are placed as they should be and are there after a restart.
 * The store is in a new directory below `scratch`: a real disk, because a sync costs nothing in
 * memory.
 */
export async function runCore(size: CoreSize, scratch: string): Promise<CoreRun> {
  const directory = mkdtempSync(join(scratch, 'store-'));
  const path = join(directory, 'store.db');
  try {
    const store = await Store.open(SqliteEngine.open(path));
    const clock = new SystemClock();
    const logger = new JsonLogger({ level: 'warn', name: 'bench' });
    const cluster = new CoreCluster({ store, clock, random: new SystemRandom(), logger });
    await cluster.prepare(size);
    const measured = await measure(cluster, size);
    checkPlacement(store.view, size);
    const residentMegabytes = Math.round(memoryUsage.rss() / 1e6);
    const replaceMedianMs = await measureReplacement(cluster);
    const { revision } = store;
    const live = liveTasks(store.view);
    cluster.planner.stop();
    await store.close();
    const fileMegabytes = Math.round(statSync(path).size / 1e6);
    const { loadMs, ...found } = loadElsewhere(path);
    assert.deepEqual(found, { revision, liveTasks: size.tasks });
    assert.equal(live, size.tasks);
    const { tasks } = size;
    return { tasks, ...measured, replaceMedianMs, residentMegabytes, fileMegabytes, loadMs };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** In a process of its own, as after a restart. */
function loadElsewhere(path: string): CoreLoad {
  const script = fileURLToPath(new URL('./core-load.ts', import.meta.url));
  return JSON.parse(execFileSync(execPath, [script, path], { encoding: 'utf8' })) as CoreLoad;
}

type Measured = Omit<
  CoreRun,
  'tasks' | 'replaceMedianMs' | 'residentMegabytes' | 'fileMegabytes' | 'loadMs'
>;

async function measure(cluster: CoreCluster, size: CoreSize): Promise<Measured> {
  const { store } = cluster;
  const tenths: number[] = [];
  let placed = 0;
  const { promise: allPlaced, resolve } = Promise.withResolvers<void>();
  const stop = store.onCommit((commit) => {
    for (const change of commit.changes) {
      if (change.table !== 'tasks' || change.after?.nodeId === undefined) continue;
      if (change.before?.nodeId === undefined) placed += 1;
    }
    while (placed >= ((tenths.length + 1) * size.tasks) / 10 && tenths.length < 10) {
      tenths.push(performance.now());
    }
    if (placed === size.tasks) resolve();
  });
  const revision = store.revision;
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  const cpuBefore = cpuUsage();
  const startedAt = performance.now();
  await Promise.all([cluster.declareServices(size), allPlaced]);
  const elapsedMs = performance.now() - startedAt;
  const cpu = cpuUsage(cpuBefore);
  stalls.disable();
  stop();
  const durations = tenths.map((at, index) => at - (tenths[index - 1] ?? startedAt));
  return {
    tasksPerSecond: perSecond(size.tasks, elapsedMs),
    slowestTenthPerSecond: perSecond(size.tasks / 10, Math.max(...durations)),
    elapsedMs: Math.round(elapsedMs),
    cpuMs: Math.round((cpu.user + cpu.system) / 1e3),
    commits: store.revision - revision,
    longestStallMs: Math.round(stalls.max / 1e6),
  };
}

function perSecond(count: number, durationMs: number): number {
  return Math.round((count / durationMs) * 1e3);
}

/** One task after the other fails: what a change costs with all the others there. */
async function measureReplacement(cluster: CoreCluster): Promise<number> {
  const { view } = cluster.store;
  const durations: number[] = [];
  for (const task of [...view.tasks.all()].slice(0, replacements)) {
    const startedAt = performance.now();
    await cluster.failAndReplace(task.id);
    durations.push(performance.now() - startedAt);
    const [next] = Array.from(view.tasks.by('slot', slotKey(task))).filter(isLive);
    assert.ok(next?.nodeId !== undefined && next.id !== task.id, 'the slot has a new task');
  }
  const sorted = durations.toSorted((left, right) => left - right);
  return Number((sorted[replacements / 2] ?? 0).toFixed(2));
}

function liveTasks(view: View): number {
  let count = 0;
  for (const service of view.services.all()) count += view.tasks.count('live', service.id);
  return count;
}

/** Every task once, on a node and at an address of its own, spread evenly. */
function checkPlacement(view: View, size: CoreSize): void {
  assert.equal(view.tasks.size, size.tasks);
  assert.equal([...view.tasks.keys('unplaced')].length, 0);
  assert.equal([...view.tasks.keys('address')].length, size.tasks, 'each has its own address');
  assert.equal([...view.tasks.keys('slot')].length, size.tasks, 'each has its own slot');
  const perNode = Array.from(view.nodes.all(), (node) => view.tasks.count('node', node.id));
  assert.equal(perNode.length, size.nodes);
  assert.ok(Math.max(...perNode) - Math.min(...perNode) <= 1, 'nodes bear alike');
  for (const service of view.services.all()) {
    assert.equal(view.tasks.count('live', service.id), size.tasks / size.services);
    assert.equal(service.virtualAddresses.length, 1);
  }
}

if (import.meta.main) {
  const size = { nodes: 1_000, services: 100, networks: 20, tasks: Number(argv[2]) };
  const run = await runCore(size, String(argv[3]));
  stdout.write(`${JSON.stringify(run)}\n`);
}
