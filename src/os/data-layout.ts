import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TuttiError } from '../lib/error.ts';

/** Longest path of a Unix socket that Linux takes (unix(7): 108 bytes with the closing zero). */
const maxSocketPathBytes = 107;

/** Where a daemon and its manager keep what they keep. */
export interface DataLayout {
  readonly dataDirectory: string;
  /** Desired state of the cluster. */
  readonly storePath: string;
  /** What the agent needs to bring its tasks back. */
  readonly agentStatePath: string;
  /** The node's key, and what its cluster gave it. */
  readonly identityPath: string;
  /** Opens what is sealed in the store. */
  readonly sealingKeyPath: string;
  /** Automatic snapshots, made with the first. */
  readonly snapshotsDirectory: string;
  readonly managerLogPath: string;
  readonly managerPidPath: string;
  readonly managerApiSocket: string;
  readonly managerSessionSocket: string;
  /** Accepts connections as long as the manager lives; made last, so that it also says "ready". */
  readonly managerLifeSocket: string;
  readonly agentLockPath: string;
  /** tmpfs: files of tasks, secrets among them. */
  readonly taskFilesDirectory: string;
}

/**
 * The layout below a data directory, with its directories made (mode 0700).
 *
 * @throws TuttiError `invalid-argument` where the path is too long for the sockets in it.
 */
export async function openDataLayout(path: string): Promise<DataLayout> {
  const dataDirectory = resolve(path);
  const run = join(dataDirectory, 'run');
  const managerSessionSocket = join(run, 'manager-session.sock');
  if (Buffer.byteLength(managerSessionSocket) > maxSocketPathBytes) {
    throw new TuttiError(
      'invalid-argument',
      `--data-dir ${dataDirectory}: the path is too long for the sockets in it`,
      { field: '--data-dir', hint: 'Choose a path of at most 80 characters.' },
    );
  }
  const key = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 12);
  const layout: DataLayout = {
    dataDirectory,
    storePath: join(dataDirectory, 'manager', 'state.sqlite'),
    agentStatePath: join(dataDirectory, 'agent', 'state.json'),
    identityPath: join(dataDirectory, 'identity', 'node.json'),
    sealingKeyPath: join(dataDirectory, 'manager', 'sealing.key'),
    snapshotsDirectory: join(dataDirectory, 'manager', 'snapshots'),
    managerLogPath: join(dataDirectory, 'manager', 'manager.log'),
    managerPidPath: join(run, 'manager.pid'),
    managerApiSocket: join(run, 'manager-api.sock'),
    managerSessionSocket,
    managerLifeSocket: join(run, 'manager-life.sock'),
    agentLockPath: join(run, 'daemon.lock'),
    taskFilesDirectory: join('/run/tutti', key),
  };
  for (const directory of ['manager', 'agent', 'run']) {
    await mkdir(join(dataDirectory, directory), { recursive: true, mode: 0o700 });
  }
  return layout;
}
