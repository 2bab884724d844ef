import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { hostPlaces } from '../../src/playground/places.ts';
import { rulesOf } from '../fixture/machine-state.ts';
import type { TestPlayground } from '../fixture/test-playground.ts';

/** What Tutti makes on a host and in its store, as lines that can be compared, by kind. */
export type HostState = Readonly<Record<string, readonly string[]>>;

/** What a daemon holds; not compared, since memory comes and goes. */
export interface Held {
  readonly memoryMegabytes: number;
  readonly openFiles: number;
}

/** Addresses of networks, not those of hosts; what a bridge tells its link is remembered longer. */
const networkAddress = /^(?!.*dst=224\.).*=10\./;
const kilobyte = 1_024;

/** What is there of devices, rules, connections, containers, files and rows. */
export async function readHostState(playground: TestPlayground, host: string): Promise<HostState> {
  const linesOf = async (...words: readonly string[]): Promise<readonly string[]> => {
    const { code, stdout, stderr } = await playground.enter(host, words);
    if (code !== 0) throw new Error(`${words.join(' ')} on ${host}: ${stderr}`);
    return stdout.split('\n').filter((line) => line !== '');
  };
  const engineLines = async (...words: readonly string[]): Promise<readonly string[]> =>
    (await playground.engine(host, ...words)).split('\n').filter((line) => line !== '');
  const connections = await linesOf('conntrack', '-L');
  return {
    containers: await engineLines('ps', '--all', '--format={{.Names}}'),
    'networks of the engine': await engineLines('network', 'ls', '--format={{.Name}}'),
    volumes: await engineLines('volume', 'ls', '--format={{.Name}}'),
    // A bridge takes its state from what is on it: names alone are compared.
    devices: (await linesOf('ip', '-o', 'link')).map((line) => line.split(/[ @]/)[1] ?? ''),
    addresses: (await linesOf('ip', '-o', 'address')).map(withoutLifetimes),
    routes: await linesOf('ip', 'route', 'show', 'table', 'all'),
    'policy rules': await linesOf('ip', 'rule'),
    forwarding: await linesOf('bridge', 'fdb', 'show'),
    rules: rulesOf(await linesOf('nft', '-s', 'list', 'ruleset')),
    connections: connections.filter((line) => networkAddress.test(line)).map(withoutTimes),
    mounts: (await linesOf('cat', '/proc/self/mountinfo')).map((line) => line.split(' ')[4] ?? ''),
    namespaces: await filesIn(join(hostPlaces(playground, { name: host }).runDirectory, 'docker')),
    files: await filesOf(playground, host),
    rows: host.startsWith('manager') ? await countRows(playground, host) : [],
  };
}

function withoutLifetimes(line: string): string {
  return line.replace(/^\d+: /, '').replace(/\\ .*$/, '');
}

/** `tcp 6 119 TIME_WAIT src=… …`: how long it stays is no difference. */
function withoutTimes(line: string): string {
  return line.replace(/^(\w+ +\d+) \d+/, '$1');
}

/** Of the daemon's directory; what a program writes on and on is one file, with any length. */
async function filesOf(playground: TestPlayground, host: string): Promise<readonly string[]> {
  const { dataDirectory } = hostPlaces(playground, { name: host });
  return await filesIn(join(dataDirectory, 'tutti'));
}

async function filesIn(directory: string): Promise<readonly string[]> {
  return await readdir(directory, { recursive: true });
}

/** Of a copy: the file itself belongs to the manager as long as it runs. */
async function countRows(playground: TestPlayground, host: string): Promise<readonly string[]> {
  const { dataDirectory } = hostPlaces(playground, { name: host });
  const directory = await mkdtemp(join(tmpdir(), 'tutti-rows-'));
  try {
    for (const file of ['state.sqlite', 'state.sqlite-wal']) {
      await cp(join(dataDirectory, 'tutti/manager', file), join(directory, file));
    }
    using database = new DatabaseSync(join(directory, 'state.sqlite'));
    const counted = database
      .prepare('SELECT table_name AS name, count(*) AS count FROM rows GROUP BY 1')
      .all();
    return counted.map(({ name, count }) => `${String(name)}: ${String(count)}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Engines clear away some of what containers of before had only when others come and go. */
const clearedLate = new Set(['namespaces']);

/** What there is more or less than before, by kind; nothing: they are the same. */
export function differenceOf(before: HostState, after: HostState): readonly string[] {
  return Object.keys(before).flatMap((kind) => {
    const [had, has] = [new Set(before[kind]), new Set(after[kind])];
    const less = clearedLate.has(kind) ? [] : [...had.difference(has)];
    return [
      ...[...has.difference(had)].map((line) => `${kind}, more: ${line}`),
      ...less.map((line) => `${kind}, less: ${line}`),
    ];
  });
}

/** Of the daemon and the manager of a host. */
export async function readHeld(
  playground: TestPlayground,
  host: string,
): Promise<Readonly<Record<string, Held>>> {
  await playground.report();
  const held: Record<string, Held> = {};
  for (const part of ['daemon', 'manager']) {
    const pid = playground.host(host).pids[part];
    if (pid === undefined) continue;
    held[part] = await readProcess(pid);
  }
  return held;
}

async function readProcess(pid: number): Promise<Held> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = Number(/^Pss: +(\d+)/m.exec(rollup)?.[1] ?? Number.NaN);
  const openFiles = (await readdir(`/proc/${pid}/fd`)).length;
  return { memoryMegabytes: kilobytes / kilobyte, openFiles };
}
