import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expectRun } from '../network/expect-run.ts';
import { until } from '../network/stack.ts';

/** Every byte that passes a host's link, as whoever sits on it would see it. */
export class Capture {
  readonly #path: string;
  readonly #namespace: string;
  readonly #child: ChildProcessByStdio<null, null, Readable>;

  private constructor(made: {
    readonly path: string;
    readonly namespace: string;
    readonly child: ChildProcessByStdio<null, null, Readable>;
  }) {
    this.#path = made.path;
    this.#namespace = made.namespace;
    this.#child = made.child;
  }

  static async start(namespace: string, path: string): Promise<Capture> {
    const program = ['tcpdump', '-i', 'eth0', '--immediate-mode', '-U', '-w', path, '-Z', 'root'];
    const child = spawn('ip', ['netns', 'exec', namespace, ...program], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // It says that it listens.
    await once(child.stderr, 'data');
    return new Capture({ path, namespace, child });
  }

  /**
   * Ends it; whether the text was in a packet until now. `to`: somebody to whom a last packet goes,
   * after which all before it were seen.
   */
  async has(text: string, to: string): Promise<boolean> {
    const end = `the end ${to}`;
    const mark = [
      process.execPath,
      join(import.meta.dirname, '../spans/bytes.ts'),
      'mark',
      to,
      end,
    ];
    await expectRun('ip', 'netns', 'exec', this.#namespace, ...mark);
    const packets = await until(
      async () => await readFile(this.#path),
      (read) => read.includes(end),
    );
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
    await rm(this.#path);
    return packets.includes(text);
  }
}
