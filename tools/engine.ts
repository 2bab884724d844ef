import { mkdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TuttiError } from '../src/lib/error.ts';
import { withProgress } from './bootstrap/progress.mjs';
import { engineAnswers } from './engine/engine-request.ts';
import { takeLock } from './engine/lock.ts';
import { engineCommands, ensureCommands } from './engine/machine-packages.ts';
import { rememberPacketFilter, restorePacketFilter } from './engine/packet-filter.ts';
import { takeSlot } from './engine/slot.ts';
import { startEngine } from './engine/start-engine.ts';

/** A container engine to work with. Disposing of it stops it only where it was started here. */
export interface UsableEngine extends AsyncDisposable {
  readonly socketPath: string;
  readonly origin: 'found' | 'started';
}

const usualSocket = '/var/run/docker.sock';

/**
 * Finds a container engine that answers, or installs and starts one from the distribution's
 * packages. One that was found is left as it was.
 *
 * @throws {Error} with a sentence for people where neither is possible.
 */
export async function ensureEngine(): Promise<UsableEngine> {
  const found = await findEngine();
  if (found !== undefined) {
    return { socketPath: found, origin: 'found', [Symbol.asyncDispose]: async () => undefined };
  }
  requireRoot();
  await ensureCommands(engineCommands, 'a container engine');
  return await startOnThisHost();
}

/** The socket of an engine that answers: TUTTI_TEST_ENGINE, DOCKER_HOST, or the usual place. */
export async function findEngine(): Promise<string | undefined> {
  const named = process.env['TUTTI_TEST_ENGINE'];
  if (named !== undefined) {
    if (await engineAnswers(named)) return named;
    throw new TuttiError(
      'unavailable',
      `No container engine answers at TUTTI_TEST_ENGINE=${named}.`,
    );
  }
  const dockerHost = process.env['DOCKER_HOST'] ?? '';
  const candidates = dockerHost.startsWith('unix://')
    ? [dockerHost.slice('unix://'.length), usualSocket]
    : [usualSocket];
  for (const socketPath of candidates) {
    if (await engineAnswers(socketPath)) return socketPath;
  }
  return undefined;
}

/** Starting processes in namespaces and changing the packet filter is root's alone. */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new TuttiError(
    'permission-denied',
    `No container engine answers at ${usualSocket}, and starting one takes root.`,
    { hint: 'Start the engine of this machine, or run this command as root.' },
  );
}

/**
 * Starts an engine that shares network and ports with the machine. Two of those would change the
 * same packet filter, so the machine has one at a time.
 */
async function startOnThisHost(): Promise<UsableEngine> {
  const network = await readlink('/proc/self/ns/net');
  const lock = await takeLock(`/run/lock/tutti-engine-${network.replaceAll(/\D/g, '')}.lock`);
  if (lock === undefined) {
    throw new TuttiError('failed-precondition', 'Another run has a container engine of its own.', {
      hint: 'Stop the other demo or bench on this machine first.',
    });
  }
  const slot = await takeSlot();
  await mkdir(slot.runDirectory, { recursive: true });
  const before = await rememberPacketFilter(join(slot.runDirectory, 'packet-filter.json'));
  const release = () => {
    slot[Symbol.dispose]();
    lock[Symbol.dispose]();
  };
  try {
    const engine = await withProgress('Starting a container engine', () =>
      startEngine({ ...slot, defaultBridge: 'none' }),
    );
    return {
      socketPath: engine.socketPath,
      origin: 'started',
      [Symbol.asyncDispose]: async () => {
        try {
          await engine[Symbol.asyncDispose]();
          await restorePacketFilter(before);
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    // The next run finds what was before, and restores it.
    release();
    throw error;
  }
}
