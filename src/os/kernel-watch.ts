import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const firstRestMs = 1_000;
const longestRestMs = 60_000;

export interface WatchKernel {
  /** What programs of this name do is no news. */
  readonly ownName: string;
  readonly onChange: (what: string) => void;
  /** Another address came or went, as it does with a network's own settings. */
  readonly onAddress: () => void;
  readonly signal: AbortSignal;
}

/** Our tables, and what lets its connections pass the container engine's rules. */
const ourRules = /^\S+ \S+ ip6? tutti( |$)|^delete (rule|chain) ip filter (DOCKER-USER|INPUT)/;
const generation = /^# new generation \d+ by process \d+ \((.*)\)$/;
/** An IPv4 address of a device that containers have nothing to do with. */
const hostAddress = /^(?:Deleted )?\d+: (?!docker|br-|tt-|veth|lo\b)\S+ +inet /;
const lostBridge = /^Deleted \d+: (tt-[^:@ ]+)/;

/**
 * Follows `nft monitor` and `ip monitor link address` until the signal, and says what others did to
 * our rules and bridges, and to the addresses of the machine. After a gap it says so: anything may
 * have changed.
 */
export async function watchKernel(options: WatchKernel): Promise<void> {
  const { ownName, onChange, onAddress, signal } = options;
  let touched: string | undefined;
  const onRule = (line: string): void => {
    if (ourRules.test(line)) touched ??= line;
    const name = generation.exec(line)?.[1];
    if (name === undefined) return;
    if (touched !== undefined && name !== ownName) onChange(touched);
    touched = undefined;
  };
  const onLink = (line: string): void => {
    if (hostAddress.test(line)) onAddress();
    const bridge = lostBridge.exec(line)?.[1];
    if (bridge !== undefined) onChange(`the device ${bridge} is gone`);
  };
  await Promise.all([
    follow(['nft', 'monitor'], { onLine: onRule, onChange, signal }),
    follow(['ip', 'monitor', 'link', 'address'], { onLine: onLink, onChange, signal }),
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
