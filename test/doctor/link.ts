import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataPathPlan, DataPathProbe } from '../../src/host/network-probes.ts';
import { expectRun } from '../network/expect-run.ts';

type Seen = Awaited<ReturnType<DataPathProbe['look']>>;
type Running = ChildProcessByStdio<Writable, Readable, null>;

const hosts = [1, 2] as const;
type Host = (typeof hosts)[number];
const namespaceOf = (host: Host) => `doctor-${host}`;
const wire = 'doctor-wire';
/** The kernel takes its time with the sockets of a network that ended. */
const lookEveryMs = 50;
const mostLooks = 100;

/** Two hosts without a container engine, and a switch between them. */
export class Link implements AsyncDisposable {
  static async make(): Promise<Link> {
    await expectRun('ip', 'netns', 'add', wire);
    const inWire = async (...order: readonly string[]) =>
      await expectRun('ip', '-n', wire, ...order);
    await inWire('link', 'add', 'switch', 'type', 'bridge');
    await inWire('link', 'set', 'switch', 'up');
    for (const host of hosts) {
      const name = namespaceOf(host);
      await expectRun('ip', 'netns', 'add', name);
      const port = `port${host}`;
      await inWire('link', 'add', port, 'type', 'veth', 'peer', 'eth0', 'netns', name);
      await inWire('link', 'set', port, 'master', 'switch', 'up');
      const address = ['address', 'add', `192.168.88.${host}/24`, 'dev', 'eth0'];
      await expectRun('ip', '-n', name, ...address);
      for (const one of ['lo', 'eth0']) await expectRun('ip', '-n', name, 'link', 'set', one, 'up');
    }
    return new Link();
  }

  /** The size of packets that the switch takes from and gives to a host. */
  async setMtu(host: Host, mtu: number): Promise<void> {
    await expectRun('ip', '-n', wire, 'link', 'set', `port${host}`, 'mtu', String(mtu));
  }

  /** Orders of `nft` on a host. */
  async filter(host: Host, rules: string): Promise<void> {
    await expectRun('ip', 'netns', 'exec', namespaceOf(host), 'nft', rules);
  }

  /** What each host sees of the other, when both look at the same time. */
  async look(): Promise<readonly [Seen, Seen]> {
    const lookers = hosts.map((host) => new Looker(host));
    try {
      for (const looker of lookers) await looker.read();
      const seen = await Promise.all(lookers.map(async (looker) => await looker.look()));
      const [first, second] = seen;
      if (first === undefined || second === undefined) throw new Error('two hosts look');
      return [first, second];
    } finally {
      for (const looker of lookers) await looker.end();
    }
  }

  /** Devices and sockets on a host, once the kernel has put away what ended, or after a while. */
  async left(host: Host): Promise<string> {
    let left = await this.#present(host);
    for (let look = 0; look < mostLooks && left !== 'lo eth0'; look += 1) {
      await sleep(lookEveryMs);
      left = await this.#present(host);
    }
    return left;
  }

  async #present(host: Host): Promise<string> {
    const name = namespaceOf(host);
    const links = await expectRun('ip', '-n', name, '-json', 'link', 'show');
    const devices = (JSON.parse(links) as readonly { readonly ifname: string }[]).map(
      ({ ifname }) => ifname,
    );
    const table = await expectRun('ip', 'netns', 'exec', name, 'cat', '/proc/net/udp');
    const [, ...sockets] = table.trim().split('\n');
    return [...devices, ...sockets].join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [wire, ...hosts.map(namespaceOf)])
      await expectRun('ip', 'netns', 'delete', name);
  }
}

class Looker {
  readonly #child: Running;
  readonly #lines: AsyncIterator<string>;

  constructor(host: Host) {
    const peers = hosts.filter((other) => other !== host);
    const plan: DataPathPlan = {
      self: { address: `192.168.88.${host}`, place: host },
      peers: peers.map((other) => ({
        nodeId: `host-${other}`,
        address: `192.168.88.${other}`,
        place: other,
      })),
      port: 4_789,
      linkMtu: 1_500,
      fullBytes: 1_450,
    };
    const program = join(import.meta.dirname, 'look.ts');
    const command = ['netns', 'exec', namespaceOf(host), process.execPath, program];
    this.#child = spawn('ip', [...command, JSON.stringify(plan)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines: Interface = createInterface({ input: this.#child.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async read(): Promise<string> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('who looks ended');
    return line.value;
  }

  async look(): Promise<Seen> {
    this.#child.stdin.write('look\n');
    return JSON.parse(await this.read()) as Seen;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
