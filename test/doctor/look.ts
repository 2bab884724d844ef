/*
 * Looks from one host at others, as an agent does: `look.ts PLAN` (JSON). Says `ready`, and after a
 * line of its standard input what it saw; answers the others until that ends.
 */
import { createInterface } from 'node:readline';
import { LinuxNetworkProbes } from '../../src/os/network-probes.ts';
import type { DataPathPlan } from '../../src/host/network-probes.ts';
import { repositoryRoot } from '../../tools/root.ts';
import { join } from 'node:path';

const plan = JSON.parse(process.argv[2] ?? '') as DataPathPlan;
const { signal } = new AbortController();
const probes = new LinuxNetworkProbes([
  process.execPath,
  join(repositoryRoot, 'src/main.ts'),
  'probe-network',
]);
await using dataPath = await probes.openDataPath(plan, signal);
process.stdout.write('"ready"\n');
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await dataPath.look(signal))}\n`);
}
