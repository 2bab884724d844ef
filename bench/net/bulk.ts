import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { run } from './run.ts';

/** `iperf3` in one network namespace, asked from others. */
export class Bulk implements AsyncDisposable {
  readonly #server: ChildProcess;

  private constructor(server: ChildProcess) {
    this.#server = server;
  }

  static async serve(namespace: string): Promise<Bulk> {
    const program = ['setpriv', '--pdeathsig', 'KILL', 'iperf3', '--server', '--forceflush'];
    const server = spawn('ip', ['netns', 'exec', namespace, ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // It says that it listens.
    await once(createInterface({ input: server.stdout }), 'line');
    server.stdout.resume();
    return new Bulk(server);
  }

  /** Bits a second that arrived over one stream. */
  async ask(
    namespace: string,
    { to, seconds }: { readonly to: string; readonly seconds: number },
  ): Promise<number> {
    const program = ['iperf3', '--client', to, '--time', String(seconds), '--json'];
    const said = JSON.parse(await run('ip', 'netns', 'exec', namespace, ...program)) as {
      readonly end: { readonly sum_received: { readonly bits_per_second: number } };
    };
    return said.end.sum_received.bits_per_second;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#server, 'exit');
    this.#server.kill('SIGTERM');
    await ended;
  }
}
