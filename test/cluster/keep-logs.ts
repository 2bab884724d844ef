import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPlaces } from '../../src/playground/places.ts';
import type { ClusterSite } from './cluster-site.ts';

/** Whose logs are kept. */
type KeptSite = Pick<ClusterSite, 'hosts' | 'playground' | 'dataDirectory'>;

/** Copies what the daemons, managers and engines of a cluster wrote, before it goes. */
export async function keepLogs(site: KeptSite, directory: string): Promise<void> {
  for (const host of site.hosts) {
    const { daemonLog, engineLog } = hostPlaces({ name: site.playground.name }, host);
    const target = join(directory, host.name);
    await mkdir(target, { recursive: true });
    const logs = {
      'daemon.log': daemonLog,
      'engine.log': engineLog,
      'fence-guard.log': join(site.dataDirectory(host.name), 'agent/fence-guard.log'),
      'manager.log': join(site.dataDirectory(host.name), 'manager/manager.log'),
      'etcd.log': join(site.dataDirectory(host.name), 'manager/etcd/etcd.log'),
    };
    for (const [name, path] of Object.entries(logs)) {
      // What was never written says something too.
      await copyFile(path, join(target, name)).catch(() => undefined);
    }
  }
}
