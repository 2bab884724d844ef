import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SpanHost } from '../../test/spans/host.ts';
import { runApart } from '../../test/fixture/run-apart.ts';
import { until } from '../../test/network/stack.ts';
import { expectRun } from '../../test/network/expect-run.ts';
import { TunnelKeyFile } from '../../src/os/tunnel-key-file.ts';

const port = 51_820;
/** As `wg-quick` chooses it on links of 1,500 bytes. */
const mtu = 1_420;

/** WireGuard between two hosts as one would make it by hand. */
export class BareTunnel implements AsyncDisposable {
  readonly kind: 'the kernel’s' | 'wireguard-go';
  readonly #hosts: readonly SpanHost[];
  readonly #programs: readonly ChildProcess[];

  private constructor(hosts: readonly SpanHost[], programs: readonly ChildProcess[]) {
    this.kind = programs.length > 0 ? 'wireguard-go' : 'the kernel’s';
    this.#hosts = hosts;
    this.#programs = programs;
  }

  static async make(hosts: readonly [SpanHost, SpanHost], directory: string): Promise<BareTunnel> {
    const programs: ChildProcess[] = [];
    const keys = new TunnelKeyFile(join(directory, 'bare.json'));
    const pairs = hosts.map((host) => ({ host, ...keys.newPair() }));
    for (const { host } of pairs) {
      const link = ['-n', host.name, 'link', 'add', deviceOf(host), 'type', 'wireguard'];
      if ((await runApart('ip', link)).code !== 0) programs.push(await startProgram(host));
    }
    const made = new BareTunnel(hosts, programs);
    for (const { host, privateKey } of pairs) {
      const file = join(directory, `${deviceOf(host)}.key`);
      await writeFile(file, privateKey, { mode: 0o600 });
      const own = ['listen-port', String(port), 'private-key', file];
      const peer = pairs.flatMap((other) =>
        other.host === host
          ? []
          : [
              'peer',
              other.publicKey,
              'endpoint',
              `${other.host.address}:${port}`,
              'allowed-ips',
              `${made.address(other.host)}/32`,
            ],
      );
      await expectRun('ip', ...within(host), 'wg', 'set', deviceOf(host), ...own, ...peer);
      await host.ip('address', 'add', `${made.address(host)}/24`, 'dev', deviceOf(host));
      await host.ip('link', 'set', deviceOf(host), 'mtu', String(mtu), 'up');
    }
    return made;
  }

  /** Of a host in the tunnel. */
  address(host: SpanHost): string {
    return `198.51.100.${this.#hosts.indexOf(host) + 1}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) {
      const ended = once(program, 'exit');
      program.kill('SIGTERM');
      await ended;
    }
  }
}

function deviceOf(host: SpanHost): string {
  return `bare-${host.name}`;
}

function within(host: SpanHost): readonly string[] {
  return ['netns', 'exec', host.name];
}

async function startProgram(host: SpanHost): Promise<ChildProcess> {
  const device = deviceOf(host);
  const program = ['setpriv', '--pdeathsig', 'KILL', 'wireguard-go', '--foreground', device];
  const child = spawn('ip', [...within(host), ...program], { stdio: 'ignore' });
  const look = async () => (await runApart('wg', ['show', device, 'public-key'])).code;
  await until(look, (code) => code === 0);
  return child;
}
