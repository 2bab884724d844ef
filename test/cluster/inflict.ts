import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { HostPart } from '../../src/playground/processes.ts';
import type { ClusterSite } from './cluster-site.ts';
import { type FaultKind, isSignal, type SignalFault } from './fault.ts';

const run = promisify(execFile);
const pollMs = 50;
const endLimitMs = 30_000;
const leftToPieces = 4 * 1_024 * 1_024;
const fillerOf = (site: ClusterSite, host: string): string => `${site.dataDirectory(host)}/filler`;

/** Lets the fault happen, at once. */
export async function inflict(
  site: ClusterSite,
  { kind, host }: { readonly kind: FaultKind; readonly host: string },
): Promise<void> {
  const { playground } = site;
  const hosts = [host];
  if (isSignal(kind)) return await signalPart(site, { kind, host });
  switch (kind) {
    case 'power off':
      return await playground.change('kill', hosts);
    case 'cut':
      return await playground.partition({ hosts });
    case 'cut, hears nothing':
      return await playground.partition({ hosts, oneWay: 'in' });
    case 'cut, is not heard':
      return await playground.partition({ hosts, oneWay: 'out' });
    case 'fill disk':
      return await fill(site, host);
    case 'restart daemon':
      return await stopDaemon(site, host);
  }
}

async function signalPart(
  { playground }: ClusterSite,
  { kind, host }: { readonly kind: SignalFault; readonly host: string },
): Promise<void> {
  const [verb, part] = kind.split(' ') as ['kill' | 'freeze', HostPart];
  await playground.change(verb, [host], part);
}

/** Takes the fault back; what heals by itself may have done so. */
export async function mend(site: ClusterSite, host: string): Promise<void> {
  await rm(fillerOf(site, host), { force: true });
  await site.playground.heal();
  await site.playground.change('start', [host]);
}

/** As `systemctl stop` does; what it supervises goes on. */
async function stopDaemon({ playground }: ClusterSite, host: string): Promise<void> {
  await playground.report();
  const pid = playground.host(host).pids['daemon'];
  if (pid === undefined) throw new Error(`no daemon runs on ${host}`);
  process.kill(pid, 'SIGTERM');
  const giveUpAt = Date.now() + endLimitMs;
  while (existsSync(`/proc/${pid}`)) {
    if (Date.now() > giveUpAt) throw new Error(`the daemon of ${host} does not stop`);
    await sleep(pollMs);
  }
}

async function fill(site: ClusterSite, host: string): Promise<void> {
  const filler = fillerOf(site, host);
  const { bavail, bsize } = await statfs(site.dataDirectory(host));
  // Others write meanwhile; what is left is filled up in small pieces.
  const most = Math.max(bavail * bsize - leftToPieces, bsize);
  await run('fallocate', ['--length', String(most), filler]);
  const file = await open(filler, 'a');
  try {
    for (;;) await file.write(Buffer.alloc(bsize));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await file.close();
  }
}
