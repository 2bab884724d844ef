import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const askEveryMs = 200;

/** Disposing of it gives the lock back. */
export interface Lock extends Disposable {
  /** Resolves once the lock is free again. */
  readonly released: Promise<void>;
}

/**
 * Takes a lock on a file; undefined where somebody has it. The kernel frees it when this process
 * ends, however that happens, and it counts across namespaces, as process ids do not.
 */
export async function takeLock(file: string): Promise<Lock | undefined> {
  await mkdir(dirname(file), { recursive: true });
  // `flock` holds the lock for as long as `cat` waits for the end of the pipe from here.
  const holder = spawn('flock', ['--nonblock', '--no-fork', file, 'cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const released = once(holder, 'exit').then(() => undefined);
  // Where somebody has the lock, nobody reads this.
  holder.stdin.once('error', () => undefined);
  holder.stdin.write('held');
  const isHeld = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    released.then(() => false),
  ]);
  if (!isHeld) return undefined;
  holder.unref();
  return { released, [Symbol.dispose]: () => holder.stdin.end() };
}

/** Takes a lock on a file once nobody has it. */
export async function awaitLock(file: string): Promise<Lock> {
  for (;;) {
    const lock = await takeLock(file);
    if (lock !== undefined) return lock;
    await sleep(askEveryMs);
  }
}
