/*
 * `scale-run.ts SERVICES CHANGES CONNECTIONS`: in a network namespace of its own, loads so many
 * services, changes one after the other, and has a container open connections to a virtual address.
 * Says what each took (JSON, ms).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { run } from './run.ts';
import {
  backEnd,
  bridge,
  Catalog,
  client,
  gateway,
  makeNetwork,
  networkOfNode,
  virtualAddress,
} from './scale-network.ts';
import type { ScaleRun } from './scale-samples.ts';

const [services = 0, changes = 0, connections = 0] = process.argv.slice(2).map(Number);
const port = 80;
const program = join(import.meta.dirname, 'connect.ts');

/** A namespace that is a container on the bridge; held until the process ends. */
async function container(address: string) {
  const command = ['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c', 'echo ready; exec cat'];
  const holder = spawn('setpriv', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const pid = String(holder.pid);
  const name = `v${address.replaceAll('.', '')}`.slice(0, longestName);
  await run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'eth0', 'netns', pid);
  await run('ip', 'link', 'set', name, 'master', bridge, 'up');
  const inside = async (...words: readonly string[]) =>
    await run('nsenter', '-t', pid, '-n', 'ip', ...words);
  await inside('address', 'add', `${address}/8`, 'dev', 'eth0');
  await inside('link', 'set', 'eth0', 'up');
  await inside('route', 'add', 'default', 'via', gateway);
  return { pid, holder };
}

const longestName = 15;

/** Of this process and those that it started and that ended (proc_pid_stat(5)), in ms. */
function processorMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0) * tickMs;
}

const tickMs = 10;

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const directory = await mkdtemp('/run/tutti-scale-');
try {
  await run('ip', 'link', 'set', 'lo', 'up');
  const network = networkOfNode(directory);
  await makeNetwork(network);
  const catalog = new Catalog(services);
  const beforeLoad = processorMs();
  const loadMs = await timed(async () => await network.apply(catalog.view()));
  // The node makes its tables of names in the turn after.
  const afterwardsMs = await timed(async () => {
    await nextTurn();
    await nextTurn();
  });
  const beforeChanges = processorMs();
  const changeMs: number[] = [];
  for (let number = 0; number < changes; number += 1) {
    // Each service of which a back end leaves gets it back with the next change.
    const index = 1 + ((number >> 1) % (services - 1));
    catalog.set(index, number % 2 === 1);
    changeMs.push(await timed(async () => await network.apply(catalog.view())));
  }
  const changeProcessorMs = (processorMs() - beforeChanges) / changes;
  const loadProcessorMs = beforeChanges - beforeLoad;
  const server = await container(backEnd);
  const asker = await container(client);
  const serving = spawn(
    'nsenter',
    ['-t', server.pid, '-n', process.execPath, program, 'serve', String(port)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(serving.stdout, 'data');
  const inAsker = ['-t', asker.pid, '-n', process.execPath, program];
  const ask = async (count: number) =>
    JSON.parse(
      await run('nsenter', ...inAsker, 'ask', virtualAddress, String(port), String(count)),
    ) as readonly number[];
  const connectMs = await ask(connections);
  const measured: ScaleRun = {
    services,
    loadMs,
    namesMs: loadMs + afterwardsMs,
    loadProcessorMs,
    changeMs,
    changeProcessorMs,
    connectMs,
  };
  process.stdout.write(JSON.stringify(measured));
  for (const child of [serving, server.holder, asker.holder]) child.kill('SIGKILL');
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.exit();
