/**
 * Runs inside a host of its own with an engine that has the images: every link of a cluster loses
 * packets while its manager is kept busy. Nobody may be declared down. Writes what was seen as JSON
 * to a file.
 *
 *   node test/cluster/loss.ts [--minutes N] [--output FILE]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ApiClient } from '../../src/client/api-client.ts';
import { ClusterSite } from './cluster-site.ts';

export interface LossResult {
  readonly minutes: number;
  /** The share of the time in which the manager computed, or waited for a processor. */
  readonly busy: number;
  readonly requests: number;
  /** How often it was looked who is ready, and how often somebody was not. */
  readonly looks: number;
  readonly notReady: number;
  /** As the manager wrote it. */
  readonly unreachable: number;
  readonly down: number;
}

const lossPercent = '10%';
const askers = 40;
/** Enough that a list of them takes the manager longer than whoever asks. */
const configs = 200;
const lookEveryMs = 500;
const answerLimitMs = 30_000;
const nanosecondsPerMs = 1e6;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, output: { type: 'string' } },
});
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());

const result = await run(Number(values.minutes));
process.stdout.write(`${JSON.stringify(result)}\n`);
if (values.output !== undefined) await writeFile(values.output, JSON.stringify(result));
if (result.down > 0 || result.notReady > 0) throw new Error('nodes were not ready; see above');

async function run(minutes: number): Promise<LossResult> {
  await using site = await ClusterSite.up({ managers: 1, workers: 2 });
  const { playground } = site;
  // What a link loses is lost in both directions: each packet between two hosts once.
  for (const { name } of site.hosts)
    await playground.run('loss', name, lossPercent, '--one-way=out');
  const client = playground.client('manager-1');
  const pid = playground.host('manager-1').pids['manager'] ?? 0;
  // Straight to the manager: what its daemon takes would be missing to it.
  const directly = new ApiClient(join(site.dataDirectory('manager-1'), 'run/manager-api.sock'));
  for (let number = 0; number < configs; number += 1) await createConfig(directly, number);
  const until = Date.now() + minutes * 60_000;
  const isOver = (): boolean => Date.now() > until || interrupted.signal.aborted;
  const listNodes = (through: ApiClient) =>
    through.call<readonly { readonly Status: { readonly State: string } }[]>({
      method: 'GET',
      path: '/v1.41/nodes',
      signal: AbortSignal.timeout(answerLimitMs),
    });
  const begun = { at: performance.now(), runnableMs: await runnableMs(pid) };
  let requests = 0;
  let [looks, notReady] = [0, 0];
  const ask = async (): Promise<void> => {
    for (; !isOver(); requests += 1) await listConfigs(directly);
  };
  const look = async (): Promise<void> => {
    for (; !isOver(); looks += 1) {
      const nodes = await listNodes(client);
      const ready = nodes.filter(({ Status }) => Status.State === 'ready').length;
      if (ready < site.hosts.length) notReady += 1;
      await sleep(lookEveryMs);
    }
  };
  await Promise.all([look(), ...Array.from({ length: askers }, ask)]);
  // What was seen until then says nothing of all the minutes.
  interrupted.signal.throwIfAborted();
  const elapsedMs = performance.now() - begun.at;
  const busy = ((await runnableMs(pid)) - begun.runnableMs) / elapsedMs;
  const log = await readFile(join(site.dataDirectory('manager-1'), 'manager/manager.log'), 'utf8');
  const count = (message: string): number => log.split(message).length - 1;
  return {
    minutes,
    busy: Math.round(busy * 100) / 100,
    requests,
    looks,
    notReady,
    unreachable: count('a node is unreachable'),
    down: count('a node is down'),
  };
}

async function createConfig(manager: ApiClient, number: number): Promise<void> {
  const body = { Name: `config-${number}`, Data: 'bm90ZQ==', Labels: { number: String(number) } };
  await manager.call({ method: 'POST', path: '/configs/create', body });
}

/** Reads the list to its end. */
async function listConfigs(manager: ApiClient): Promise<void> {
  const signal = AbortSignal.timeout(answerLimitMs);
  const { bytes } = await manager.open({ method: 'GET', path: '/configs', signal });
  for await (const _ of bytes);
}

/** Time that the first thread of a process ran or could have run (proc(5), schedstat). */
async function runnableMs(pid: number): Promise<number> {
  const [ran = 0, waited = 0] = (await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8'))
    .split(' ')
    .map(Number);
  return (ran + waited) / nanosecondsPerMs;
}
