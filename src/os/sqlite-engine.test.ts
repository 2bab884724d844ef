import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import type { StoredChange } from '../host/store-engine.ts';
import { SqliteEngine } from './sqlite-engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'tutti-sqlite-'));
const module = new URL('./sqlite-engine.ts', import.meta.url).href;
/** For scripts that run in a process of their own. */
const importEngine = `import { SqliteEngine } from ${JSON.stringify(module)};`;
let files = 0;

function newPath(): string {
  files += 1;
  return join(directory, `store${files}.db`);
}

after(() => rmSync(directory, { recursive: true }));

async function commitAll(engine: SqliteEngine, changes: readonly StoredChange[]): Promise<void> {
  const { epoch, revision } = await engine.load();
  assert.deepEqual(await engine.commit(changes, { epoch, revision }), { kind: 'committed' });
}

function puts(count: number, sizeBytes: number): StoredChange[] {
  const value = JSON.stringify('x'.repeat(sizeBytes));
  return Array.from({ length: count }, (_, n) => ({
    kind: 'put',
    table: 'tasks',
    id: `id${n}`,
    value,
  }));
}

describe('the file of a store', () => {
  it('is for its owner alone, whatever the mode was, and its log too', async () => {
    const path = newPath();
    const engine = SqliteEngine.open(path);
    await commitAll(engine, puts(1, 10));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
    await engine.close();
    chmodSync(path, 0o644);
    await SqliteEngine.open(path).close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('belongs to one process', async () => {
    const path = newPath();
    const engine = SqliteEngine.open(path);
    const script = `${importEngine}
      try { SqliteEngine.open(process.argv[1]); process.stdout.write('opened'); }
      catch (error) { process.stdout.write(error.code + ': ' + error.message); }`;
    const openElsewhere = (): string =>
      spawnSync(process.execPath, ['--input-type=module', '-e', script, path], {
        encoding: 'utf8',
      }).stdout;
    assert.equal(openElsewhere(), `unavailable: the store ${path} is in use by another process`);
    assert.throws(() => SqliteEngine.open(path), { code: 'unavailable' });
    assert.match(openElsewhere(), /^unavailable/, 'the lock outlives the attempt in this process');
    await commitAll(engine, puts(1, 10));
    await engine.close();
    assert.equal(openElsewhere(), 'opened');
  });

  it('is made in a directory that exists', () => {
    assert.throws(() => SqliteEngine.open(join(directory, 'no', 'store.db')), {
      code: 'failed-precondition',
      message: `the directory ${join(directory, 'no')} does not exist`,
    });
    assert.throws(() => SqliteEngine.open(directory), { code: 'permission-denied' });
  });

  it('is left alone when it is something else', () => {
    const text = newPath();
    writeFileSync(text, 'a letter to my aunt, longer than a hundred bytes. '.repeat(20));
    assert.throws(() => SqliteEngine.open(text), {
      code: 'failed-precondition',
      message: `the store ${text} is damaged`,
    });
    assert.match(readFileSync(text, 'utf8'), /^a letter/);

    const foreign = newPath();
    const database = new DatabaseSync(foreign);
    database.exec('CREATE TABLE letters(text)');
    database.close();
    const before = readFileSync(foreign);
    assert.throws(() => SqliteEngine.open(foreign), {
      code: 'failed-precondition',
      message: `${foreign} is an SQLite file of something else`,
    });
    assert.deepEqual(readFileSync(foreign), before);
  });

  it('is refused when its layout is newer', async () => {
    const path = newPath();
    await SqliteEngine.open(path).close();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 9');
    database.close();
    assert.throws(() => SqliteEngine.open(path), {
      code: 'failed-precondition',
      message: `the store ${path} has layout version 9, this program knows up to 1`,
    });
  });

  it('says that it is damaged when pages of it are', async () => {
    const path = newPath();
    const engine = SqliteEngine.open(path);
    await commitAll(engine, puts(1_000, 200));
    await engine.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 3 * 4096, 40 * 4096);
    writeFileSync(path, bytes);
    const damaged = SqliteEngine.open(path);
    const { rows } = await damaged.load();
    assert.throws(() => [...rows], {
      code: 'failed-precondition',
      message: `the store ${path} is damaged`,
    });
    await damaged.close();
  });

  it('says so when it has a row twice', async () => {
    const path = newPath();
    const engine = SqliteEngine.open(path);
    await commitAll(engine, puts(1, 10));
    await engine.close();
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO rows VALUES (9, 'tasks', 'id0', '1')");
    database.close();
    const damaged = SqliteEngine.open(path);
    const { rows } = await damaged.load();
    assert.throws(() => [...rows], { code: 'failed-precondition', message: /tasks\/id0 twice/ });
    await damaged.close();
  });
});

describe('the size of a store', () => {
  it('does not grow with the number of commits: the log is folded in', async () => {
    const path = newPath();
    const engine = SqliteEngine.open(path);
    for (let round = 0; round < 200; round += 1) await commitAll(engine, puts(100, 1_000));
    assert.ok(statSync(path).size < 1_000_000, `${statSync(path).size} bytes`);
    assert.ok(statSync(`${path}-wal`).size < 8_000_000, `${statSync(`${path}-wal`).size} bytes`);
    await engine.close();
  });

  it('shrinks after a giant commit, and after most rows were deleted', async () => {
    const path = newPath();
    const engine = SqliteEngine.open(path);
    const many = puts(40_000, 2_000);
    await commitAll(engine, many);
    const largest = statSync(path).size;
    const logLargest = statSync(`${path}-wal`).size;
    assert.ok(largest > 80_000_000 && logLargest > 80_000_000, `${largest} and ${logLargest}`);
    const deletions = many.map((_, n): StoredChange => {
      return { kind: 'delete', table: 'tasks', id: `id${n}` };
    });
    await commitAll(engine, deletions);
    for (let round = 0; round < 256 * 40; round += 1) {
      const outcome = await engine.commit([], { epoch: 0, revision: 2 + round });
      assert.equal(outcome.kind, 'committed');
    }
    assert.ok(statSync(path).size < largest * 0.6, `${statSync(path).size} bytes`);
    const log = statSync(`${path}-wal`).size;
    assert.ok(log <= 64 * 1024 * 1024, `${log} bytes`);
    await engine.close();
  });
});

describe('committing', () => {
  it('lets the event loop turn between two commits', async () => {
    const engine = SqliteEngine.open(newPath());
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    for (let round = 0; round < 20; round += 1) await commitAll(engine, puts(1, 10));
    done = true;
    assert.ok(turns >= 20, `${turns} turns`);
    await engine.close();
  });

  it('cannot tell after an error at COMMIT; a new epoch and a load tell', () => {
    const script = `${importEngine}
      const engine = SqliteEngine.open(process.argv[1]);
      const put = (id, size) =>
        ({ kind: 'put', table: 'tasks', id, value: JSON.stringify('x'.repeat(size)) });
      const outcomes = [];
      let revision = 0;
      for (; outcomes.at(-1) !== 'unknown' && revision < 100; revision += 1) {
        const guard = { epoch: 0, revision };
        outcomes.push((await engine.commit([put('id' + revision, 10_000)], guard)).kind);
      }
      const epoch = await engine.takeEpoch();
      const loaded = await engine.load();
      const rows = [...loaded.rows].length;
      const guard = { epoch, revision: loaded.revision };
      const last = await engine.commit([put('small', 10)], guard);
      process.stdout.write(JSON.stringify({
        committed: outcomes.filter((kind) => kind === 'committed').length,
        rows, revision: loaded.revision, last: last.kind }));`;
    // No file may grow beyond this: a write that would, fails with EFBIG.
    const limited = ['--fsize=200000', process.execPath, '--input-type=module', '-e', script];
    const child = spawnSync('prlimit', [...limited, newPath()], { encoding: 'utf8' });
    const found = JSON.parse(child.stdout) as Record<string, unknown>;
    const { committed } = found;
    assert.ok(Number(committed) > 2, child.stderr);
    assert.deepEqual(found, { committed, rows: committed, revision: committed, last: 'committed' });
  });
});
