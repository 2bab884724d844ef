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
  /** Which store engine counts: src/os/store-marker.ts. */
  readonly storeMarkerPath: string;
  /** Of a manager on etcd: src/os/manager-seat.ts. */
  readonly seatPath: string;
  readonly etcdDirectory: string;
  /** What the agent needs to bring its tasks back. */
  readonly agentStatePath: string;
  /** The node's key, and what its cluster gave it. */
  readonly identityPath: string;
  /** Keys of the node's tunnel. */
  readonly tunnelKeysPath: string;
  /** Holds the private one while it is given to the tunnel. */
  readonly tunnelKeyPath: string;
  /** What the program says that encrypts where the kernel does not. */
  readonly tunnelLogPath: string;
  /** Opens what is sealed in the store. */
  readonly sealingKeyPath: string;
  /** What a manager renews its own certificate by where no store answers. */
  readonly keptAuthorityPath: string;
  /** Automatic snapshots, made with the first. */
  readonly snapshotsDirectory: string;
  readonly managerLogPath: string;
  /** Nothing in it outlives the processes. */
  readonly runDirectory: string;
  readonly managerPidPath: string;
  /** Held while a manager on etcd lives here. */
  readonly managerLockPath: string;
  readonly managerApiSocket: string;
  readonly managerSessionSocket: string;
  /** Leads to the manager that leads, from one that does not. */
  readonly managerLeaderSocket: string;
  /** Accepts connections as long as the manager lives; made last, so that it also says "ready". */
  readonly managerLifeSocket: string;
  readonly agentLockPath: string;
  /** Who answers between two daemons. */
  readonly caretakerSocket: string;
  /** The guard of fenced tasks listens there while there is one. */
  readonly fenceGuardSocket: string;
  readonly fenceGuardLogPath: string;
  /** tmpfs: files of tasks, secrets among them. */
  readonly taskFilesDirectory: string;
  /** tmpfs: for one moment between two processes of a locked manager. */
  readonly handoverDirectory: string;
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
    storeMarkerPath: join(dataDirectory, 'manager', 'store'),
    seatPath: join(dataDirectory, 'manager', 'seat.json'),
    etcdDirectory: join(dataDirectory, 'manager', 'etcd'),
    agentStatePath: join(dataDirectory, 'agent', 'state.json'),
    identityPath: join(dataDirectory, 'identity', 'node.json'),
    tunnelKeysPath: join(dataDirectory, 'identity', 'tunnel.json'),
    tunnelKeyPath: join(run, 'tunnel.key'),
    tunnelLogPath: join(dataDirectory, 'agent', 'tunnel.log'),
    sealingKeyPath: join(dataDirectory, 'manager', 'sealing.key'),
    keptAuthorityPath: join(dataDirectory, 'manager', 'authority.json'),
    snapshotsDirectory: join(dataDirectory, 'manager', 'snapshots'),
    managerLogPath: join(dataDirectory, 'manager', 'manager.log'),
    runDirectory: run,
    managerPidPath: join(run, 'manager.pid'),
    managerLockPath: join(run, 'manager.lock'),
    managerApiSocket: join(run, 'manager-api.sock'),
    managerSessionSocket,
    managerLeaderSocket: join(run, 'manager-leader.sock'),
    managerLifeSocket: join(run, 'manager-life.sock'),
    agentLockPath: join(run, 'daemon.lock'),
    caretakerSocket: join(run, 'caretaker.sock'),
    fenceGuardSocket: join(run, 'fence-guard.sock'),
    fenceGuardLogPath: join(dataDirectory, 'agent', 'fence-guard.log'),
    taskFilesDirectory: join('/run/tutti', key),
    handoverDirectory: join('/run/tutti', `${key}-manager`),
  };
  for (const directory of ['manager', 'agent', 'run']) {
    await mkdir(join(dataDirectory, directory), { recursive: true, mode: 0o700 });
  }
  return layout;
}
