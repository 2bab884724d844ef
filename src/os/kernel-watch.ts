import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const firstRestMs = 1_000;
const longestRestMs = 60_000;

export interface WatchKernel {
  /** Whether the process was started by us: what it did is no news. */
  readonly isOurs: (pid: number) => boolean;
  readonly onChange: (what: string) => void;
  readonly signal: AbortSignal;
}

/** Our table, and what lets its connections pass the container engine's rules. */
const ourRules = /^\S+ \S+ ip tutti( |$)|^delete (rule|chain) ip filter (DOCKER-USER|INPUT)/;
const generation = /^# new generation \d+ by process (\d+)/;
const lostBridge = /^Deleted \d+: (tt-[^:@ ]+)/;

/**
 * Follows `nft monitor` and `ip monitor link` until the signal, and says what others did to our
 * rules and bridges. After a gap it says so: anything may have changed.
 */
export async function watchKernel({ isOurs, onChange, signal }: WatchKernel): Promise<void> {
  let touched: string | undefined;
  const onRule = (line: string): void => {
    if (ourRules.test(line)) touched ??= line;
    const pid = generation.exec(line)?.[1];
    if (pid === undefined) return;
    if (touched !== undefined && !isOurs(Number(pid))) onChange(touched);
    touched = undefined;
  };
  const onLink = (line: string): void => {
    const bridge = lostBridge.exec(line)?.[1];
    if (bridge !== undefined) onChange(`the device ${bridge} is gone`);
  };
  await Promise.all([
    follow(['nft', 'monitor'], { onLine: onRule, onChange, signal }),
    follow(['ip', 'monitor', 'link'], { onLine: onLink, onChange, signal }),
  ]);
}

interface Follow {
  readonly onLine: (line: string) => void;
  readonly onChange: (what: string) => void;
  readonly signal: AbortSignal;
}

async function follow(command: readonly string[], options: Follow): Promise<void> {
  const { onLine, onChange, signal } = options;
  let restMs = firstRestMs;
  while (!signal.aborted) {
    // It ends with this process, however that ends.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    let heard = false;
    createInterface({ input: child.stdout }).on('line', (line) => {
      heard = true;
      onLine(line);
    });
    await once(child, 'close').catch(() => undefined);
    signal.removeEventListener('abort', stop);
    if (signal.aborted) return;
    restMs = heard ? firstRestMs : Math.min(restMs * 2, longestRestMs);
    await sleep(restMs, undefined, { signal }).catch(() => undefined);
    onChange(`${command.join(' ')} was interrupted`);
  }
}
