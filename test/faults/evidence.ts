import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultHost } from './fault-host.ts';

/** Keeps the logs as they are now: what is removed with the node cannot be kept later. */
export async function keepLogs(host: FaultHost, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { node } = host;
  const logs = {
    'daemon.log': join(node.directory, 'daemon.log'),
    'manager.log': join(node.daemon.dataDirectory, 'manager/manager.log'),
    'agent.json': join(node.daemon.dataDirectory, 'agent/state.json'),
    'engine.log': join(host.engineDirectory, 'engine.log'),
  };
  for (const [name, path] of Object.entries(logs)) {
    // What was never written says something too.
    await copyFile(path, join(directory, name)).catch(() => undefined);
  }
}

/** Keeps what tells why a run failed: logs, and what daemon and engine show now. */
export async function keepEvidence(host: FaultHost, directory: string): Promise<void> {
  await keepLogs(host, directory);
  const { node } = host;
  const asked = ['/tutti/v1/status', '/tutti/v1/stacks', '/v1.41/tasks', '/containers/json?all=1'];
  for (const path of [...asked, '/networks']) {
    const signal = AbortSignal.timeout(5_000);
    const answer = await node.client
      .call<unknown>({ method: 'GET', path, signal })
      .catch((error: unknown) => String(error));
    const name = `${path.replaceAll(/\W+/g, '-').slice(1)}.json`;
    await writeFile(join(directory, name), JSON.stringify(answer, undefined, 1));
  }
}
