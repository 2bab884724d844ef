import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { FenceGuard, FenceHold } from '../host/fence-guard.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import { BootClock } from './boot-clock.ts';
import { startDetached, whenReady } from './detached-process.ts';
import { holdLine, readReceipt } from './fence-guard-wire.ts';
import { tryConnect } from './unix-socket.ts';

const startLimitMs = 10_000;
const receiptLimitMs = 2_000;
/** One that did not start is not started again at once. */
const retryMs = 5_000;

interface Link {
  readonly socket: Socket;
  readonly receipts: Map<number, (isHeld: boolean) => void>;
}

/**
 * The guard beside this daemon: a process of its own, in a session of its own, which is started
 * with the first hold and taken over where one before it left it. It ends by itself.
 */
export class FenceGuardProcess implements FenceGuard {
  readonly #socketPath: string;
  readonly #logPath: string;
  readonly #command: readonly [string, ...string[]];
  readonly #logger: Logger;
  readonly #clock = new BootClock();
  #link: Promise<Link | undefined> | undefined;
  #number = 0;
  #failedAt: Instant = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly socketPath: string;
    readonly logPath: string;
    /** Program and arguments of a guard. */
    readonly command: readonly [string, ...string[]];
    readonly logger: Logger;
  }) {
    this.#socketPath = options.socketPath;
    this.#logPath = options.logPath;
    this.#command = options.command;
    this.#logger = options.logger;
  }

  now(): Instant {
    return this.#clock.now();
  }

  async hold(hold: FenceHold): Promise<boolean> {
    const isEmpty = hold.taskIds.length === 0;
    const mayStart = !isEmpty && this.now() >= this.#failedAt + retryMs;
    this.#link ??= this.#open({ mayStart });
    const link = await this.#link.catch((error: unknown) => {
      const { message } = TuttiError.from(error);
      this.#logger.error('there is no guard for fenced tasks: none is started', { error: message });
      this.#failedAt = this.now();
      return undefined;
    });
    if (link === undefined) {
      this.#link = undefined;
      return isEmpty;
    }
    const isHeld = await this.#send(link, hold);
    if (!isHeld) {
      this.#logger.warn('the guard of fenced tasks does not answer');
      link.socket.destroy();
    }
    return isHeld || isEmpty;
  }

  /** The guard goes on by what it was told last. */
  close(): void {
    void this.#link?.then(
      (link) => link?.socket.destroy(),
      () => undefined,
    );
  }

  async #send({ socket, receipts }: Link, hold: FenceHold): Promise<boolean> {
    this.#number += 1;
    const number = this.#number;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    receipts.set(number, resolve);
    const late = setTimeout(() => resolve(false), receiptLimitMs);
    socket.write(holdLine({ ...hold, number }));
    const isHeld = await promise;
    clearTimeout(late);
    receipts.delete(number);
    return isHeld && !socket.destroyed;
  }

  async #open({ mayStart }: { readonly mayStart: boolean }): Promise<Link | undefined> {
    const known = await tryConnect(this.#socketPath);
    if (known !== undefined) this.#logger.info('found a guard of fenced tasks');
    const socket = known ?? (mayStart ? await this.#start() : undefined);
    if (socket === undefined) return undefined;
    const link: Link = { socket, receipts: new Map() };
    createInterface({ input: socket }).on('line', (line) => {
      const number = readReceipt(line);
      if (number !== undefined) link.receipts.get(number)?.(true);
    });
    socket.once('close', () => {
      this.#link = undefined;
      for (const resolve of link.receipts.values()) resolve(false);
    });
    if (socket.destroyed) return undefined;
    // Nobody waits for a guard: it does not keep the daemon alive.
    socket.unref();
    return link;
  }

  async #start(): Promise<Socket> {
    const child = startDetached(this.#command, { logPath: this.#logPath });
    const signal = AbortSignal.timeout(startLimitMs);
    const socket = await whenReady(this.#socketPath, { child, signal });
    if (socket !== undefined) {
      this.#logger.info('started a guard of fenced tasks', { pid: child.pid });
      return socket;
    }
    child.kill('SIGKILL');
    throw new TuttiError('unavailable', `the guard did not start; its log is ${this.#logPath}`);
  }
}
