import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiClient } from '../../../src/client/api-client.ts';
import { TuttiError } from '../../../src/lib/error.ts';
import { withProgress } from '../../../tools/bootstrap/progress.mjs';
import type { TuttiDaemon } from '../../../tools/daemon/start-daemon.ts';
import { removeImages } from '../../../tools/images/ensure-images.ts';
import { votingAppImages } from '../../../tools/images/catalog.ts';
import { findLeftovers, stackVolumes, type MachineObject } from './engine-objects.ts';
import { readRecord } from './record.ts';

export interface RemoveDemoOptions {
  readonly directory: string;
  readonly stack: string;
  readonly engineSocket: string;
  /** Undefined where it never came up. */
  readonly daemon: TuttiDaemon | undefined;
}

const goneLimitMs = 120_000;

/**
 * Removes everything that a demo made, each step whatever became of the one before.
 *
 * @returns a sentence for each thing that went wrong; empty when nothing is left.
 */
export async function removeDemo(options: RemoveDemoOptions): Promise<readonly string[]> {
  const { directory, stack, engineSocket, daemon } = options;
  const problems: string[] = [];
  const step = async (label: string, work: () => Promise<void>) => {
    try {
      await withProgress(label, work);
    } catch (reason) {
      problems.push(`${label}: ${TuttiError.from(reason).message}`);
    }
  };
  if (daemon !== undefined) {
    const client = new ApiClient(daemon.socketPath);
    await step(`Removing the stack ${stack}`, () => removeStack(client, stack));
    await step('Leaving the cluster', () => leaveCluster(client));
    await step('Stopping the daemon', daemon.stop);
  }
  await step('Removing volumes', async () => {
    for (const volume of await stackVolumes(engineSocket, stack)) await volume.remove();
  });
  await step('Looking for what is left', async () => {
    const left = await findLeftovers(engineSocket, stack);
    // A daemon that ran has removed all of this by itself.
    if (daemon !== undefined) problems.push(...left.map(({ what }) => `The daemon left ${what}.`));
    await removeEach(left, problems);
  });
  await step('Removing images', () => removeLoadedImages({ directory, engineSocket }));
  await step('Removing files', () => removeFiles(directory));
  if (problems.length === 0) await rm(directory, { recursive: true, force: true });
  return problems;
}

async function removeStack(client: ApiClient, stack: string): Promise<void> {
  if (!(await hasCluster(client))) return;
  const path = `/tutti/v1/stacks/${stack}`;
  try {
    await client.call({ method: 'DELETE', path });
  } catch (error) {
    // Somebody has removed it by hand, or it was never deployed.
    if (TuttiError.from(error).code !== 'not-found') throw error;
  }
  const signal = AbortSignal.timeout(goneLimitMs);
  const watch = { method: 'GET', path: `${path}/watch`, signal } as const;
  for await (const report of client.lines<StackWatch>(watch)) {
    if (report.services.length + report.networks.length + report.tasks.length === 0) return;
  }
  throw new TuttiError('unavailable', `it is still there after ${goneLimitMs / 1000} s`);
}

interface StackWatch {
  readonly services: readonly unknown[];
  readonly networks: readonly unknown[];
  readonly tasks: readonly unknown[];
}

async function leaveCluster(client: ApiClient): Promise<void> {
  if (!(await hasCluster(client))) return;
  await client.call({ method: 'POST', path: '/swarm/leave?force=1' });
}

/** Before the first deployment there is none. */
async function hasCluster(client: ApiClient): Promise<boolean> {
  const { Swarm } = await client.call<{ readonly Swarm: { readonly LocalNodeState: string } }>({
    method: 'GET',
    path: '/info',
  });
  return Swarm.LocalNodeState !== 'inactive';
}

async function removeEach(objects: readonly MachineObject[], problems: string[]): Promise<void> {
  for (const { what, remove } of objects) {
    await remove().catch((reason: unknown) => {
      problems.push(`${what} could not be removed: ${TuttiError.from(reason).message}`);
    });
  }
}

async function removeFiles(directory: string): Promise<void> {
  const secretFile = readRecord(directory)?.secretFile;
  if (secretFile !== undefined) await rm(secretFile, { force: true });
  // The log stays until all went well.
  for (const name of ['data', 'tutti.sock', 'demo.json']) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function removeLoadedImages(from: {
  readonly directory: string;
  readonly engineSocket: string;
}): Promise<void> {
  const tags = readRecord(from.directory)?.images ?? [];
  const images = votingAppImages.filter(({ tag }) => tags.includes(tag));
  await removeImages({ engineSocket: from.engineSocket, images });
}
