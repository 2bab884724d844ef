import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Takes a lock on a file; undefined where somebody has it. The kernel frees it when this process
 * ends, however that happens, and it counts across namespaces, as process ids do not.
 */
export async function takeLock(file: string): Promise<Disposable | undefined> {
  await mkdir(dirname(file), { recursive: true });
  // `flock` holds the lock for as long as `cat` waits for the end of the pipe from here.
  const holder = spawn('flock', ['--nonblock', '--no-fork', file, 'cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  holder.stdin.write('held');
  const isHeld = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    once(holder, 'exit').then(() => false),
  ]);
  if (!isHeld) return undefined;
  holder.unref();
  return { [Symbol.dispose]: () => holder.stdin.end() };
}
