import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { lockedRoutes } from './docker/locked-routes.ts';
import type { HttpHandler } from './host/http.ts';
import type { Logger } from './host/logger.ts';
import type { SealingKey } from './os/certificates-seal.ts';
import type { DataLayout } from './os/data-layout.ts';
import { TuttiError } from './lib/error.ts';
import { HttpServer } from './os/http-server.ts';
import { openLifeSocket } from './os/life-socket.ts';
import { UnlockHandover } from './os/unlock-handover.ts';

export interface ServeManager {
  readonly dataDirectory: string;
  readonly version: string;
  /** Program and arguments of the process that makes certificates. */
  readonly certificatesCommand: readonly [string, ...string[]];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The API socket of a manager, and the one that says that it lives. */
export interface ManagerServer {
  serve(handle: HttpHandler): void;
  close(): Promise<void>;
}

/** The life socket is the last: it says that everything else is ready. */
export async function openServer(options: {
  readonly layout: DataLayout;
  readonly logger: Logger;
  readonly handle: HttpHandler;
}): Promise<ManagerServer> {
  const { layout, logger } = options;
  let { handle } = options;
  const server = await HttpServer.listen({
    socketPath: layout.managerApiSocket,
    logger,
    handle: (request) => handle(request),
  });
  const closeLife = await openLifeSocket(layout.managerLifeSocket);
  return {
    serve: (next) => {
      handle = next;
    },
    close: async () => {
      await closeLife();
      await server.close();
    },
  };
}

/**
 * A manager whose key is locked serves what unlocks it or makes it leave; undefined where it is not
 * locked. `unlocked` resolves with the signal, too.
 */
export async function openDoor(
  options: ServeManager & {
    readonly layout: DataLayout;
    readonly sealing: SealingKey;
    /** Erases what cannot be read without the key; the manager starts with nothing then. */
    readonly erase: () => Promise<void>;
  },
): Promise<(ManagerServer & { readonly unlocked: Promise<void> }) | undefined> {
  const { sealing, logger, signal, version: productVersion } = options;
  await sealing.takeOver(new UnlockHandover(options.layout.handoverDirectory));
  if (!(await sealing.isLocked())) return undefined;
  logger.warn('the manager is locked, and waits for its unlock key');
  const { promise: unlocked, resolve } = Promise.withResolvers<void>();
  const serving = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  const unlock = async (unlockKey: string): Promise<void> => {
    await sealing.unlock(unlockKey);
    logger.info('the manager was unlocked');
    resolve();
    // Who has unlocked the manager may ask it everything next.
    await serving.promise;
  };
  let leaving: Promise<void> | undefined;
  const leave = async (): Promise<void> => {
    if (!(await sealing.isLocked())) throw notLockedAnyMore();
    leaving ??= options.erase().then(async () => await sealing.forget());
    await leaving.finally(() => {
      leaving = undefined;
    });
    logger.warn('the manager left its cluster while it was locked: its state is erased');
    resolve();
    await serving.promise;
  };
  const handle = lockedRoutes({ productVersion, unlock, leave });
  const server = await openServer({ ...options, handle });
  const serve = (next: HttpHandler): void => {
    server.serve(next);
    serving.resolve();
  };
  return { ...server, serve, unlocked };
}

function notLockedAnyMore(): TuttiError {
  return new TuttiError('unavailable', 'the manager is not locked any more: ask again');
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

/** Takes no space where a file of about that length is there: a manager starts on a full disk. */
export async function writeInPlace(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    await file.write(text, 0);
    await file.truncate(Buffer.byteLength(text));
  } finally {
    await file.close();
  }
}
