import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoredChange, StoreEngine } from '../src/host/store-engine.ts';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { measureFailovers } from '../test/etcd/etcd-failover.ts';
import { TestEtcd } from '../test/etcd/test-etcd.ts';

/* Figures for docs/design/etcd.md: `node bench/etcd.ts [kills]`. Some 30 s, and 2.5 s a kill for each timing. */

const rowText = 'x'.repeat(700);
const spanMs = 1_000;

function changes(from: number, count: number): readonly StoredChange[] {
  return Array.from({ length: count }, (_, n) => {
    const id = `task${from + n}`;
    return { kind: 'put', table: 'tasks', id, value: JSON.stringify({ id, rowText }) };
  });
}

async function mustCommit(
  engine: StoreEngine,
  batch: { readonly changes: readonly StoredChange[]; readonly epoch: number; revision: number },
): Promise<void> {
  const outcome = await engine.commit(batch.changes, batch);
  if (outcome.kind !== 'committed') throw new Error(JSON.stringify(outcome));
}

async function measureEngine(name: string, engine: StoreEngine): Promise<void> {
  const epoch = await engine.takeEpoch();
  let { revision } = await engine.load();
  let rows = 0;
  for (const size of [1, 10, 128, 512, 1_024]) {
    const startedAt = performance.now();
    let commits = 0;
    while (performance.now() - startedAt < spanMs) {
      await mustCommit(engine, { changes: changes(rows, size), epoch, revision });
      revision += 1;
      rows += size;
      commits += 1;
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const perSecond = Math.round(commits / seconds);
    console.info(
      `${name}: ${size} rows a commit: ${perSecond} commits/s, ${perSecond * size} rows/s`,
    );
  }
  const prefill = Math.max(0, 100_000 - rows);
  for (let made = 0; made < prefill; made += 1_000) {
    await mustCommit(engine, { changes: changes(rows, 1_000), epoch, revision });
    revision += 1;
    rows += 1_000;
  }
  const startedAt = performance.now();
  const loaded = Array.from((await engine.load()).rows).length;
  console.info(`${name}: load of ${loaded} rows: ${Math.round(performance.now() - startedAt)} ms`);
  await engine.close();
}

async function measureFailover(etcd: TestEtcd, kills: number): Promise<void> {
  const engine = new EtcdEngine({ client: etcd.client() });
  const epoch = await engine.takeEpoch();
  let { revision } = await engine.load();
  const silences: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const leader = await etcd.leader();
    const startedAt = performance.now();
    leader.signal('SIGKILL');
    await mustCommit(engine, { changes: changes(0, 1), epoch, revision });
    silences.push(Math.round(performance.now() - startedAt));
    revision += 1;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  silences.sort((a, b) => a - b);
  console.info(`next commit after the leader of etcd was killed, ms: ${silences.join(' ')}`);
  console.info(`median ${silences[Math.floor(kills / 2)]}, worst ${silences.at(-1)}`);
  await engine.close();
}

async function measureManagers(count: number): Promise<void> {
  const kinds = ['kill', 'freeze', 'hang', 'starve'] as const;
  const faults = Array.from({ length: count }, (_, n) => kinds[n % kinds.length] ?? 'kill');
  const failovers = await measureFailovers(faults);
  for (const kind of kinds) {
    const silences = failovers.filter(({ fault }) => fault === kind).map((one) => one.silentMs);
    console.info(`next write after a ${kind} of the leading manager, ms: ${silences.join(' ')}`);
  }
  const all = failovers.map(({ silentMs }) => silentMs).toSorted((a, b) => a - b);
  console.info(`median ${all[Math.floor(count / 2)]}, worst ${all.at(-1)}`);
}

const kills = Number(process.argv[2] ?? 20);
const directory = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
if (kills > 0) await measureManagers(kills);
if (process.argv[3] === undefined) {
  await measureEngine('SQLite', SqliteEngine.open(join(directory, 'store.db')));
  for (const size of [1, 3]) {
    const etcd = await TestEtcd.start(size);
    await measureEngine(`etcd of ${size}`, new EtcdEngine({ client: etcd.client() }));
    await etcd.stop();
  }
}
for (const timing of [
  { heartbeatMs: 50, electionMs: 500 },
  { heartbeatMs: 100, electionMs: 1_000 },
]) {
  if (kills === 0) break;
  const etcd = await TestEtcd.start(3, { timing });
  console.info(`heartbeat ${timing.heartbeatMs} ms, election ${timing.electionMs} ms`);
  await measureFailover(etcd, kills);
  await etcd.stop();
}
rmSync(directory, { recursive: true });
