import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { hardwareAddress } from '../../src/lib/hardware-address.ts';
import { ipv6AddressOf } from '../../src/model/ipv6.ts';
import type { Span } from '../../src/overlay/spans.ts';
import { expectRun } from '../network/expect-run.ts';
import { runApart } from '../fixture/run-apart.ts';

export const bridge = 'tt-span';
export const device = 'tt-span-x';
export const gateway = '10.0.9.1';
const subnets = { subnet: '10.0.9.0/24', ipv6: { subnet: 'fd00:9::/64' } };
const program = (name: string) => join(import.meta.dirname, name);

type Running = ChildProcessByStdio<Writable, Readable, null>;

function startIn(namespace: string, command: readonly string[]): Running {
  return spawn('ip', ['netns', 'exec', namespace, process.execPath, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/**
 * A host with one network and one container on it, without a container engine: a namespace with a
 * bridge, and one behind that; and who holds its spans.
 */
export class SpanHost implements AsyncDisposable {
  readonly name: string;
  readonly container: string;
  /** Of the host. */
  readonly address: string;
  /** The namespace of the container. */
  readonly inside: string;
  readonly #holder: Running;
  readonly #lines: Interface;
  readonly #serving: Running;

  private constructor(made: {
    readonly name: string;
    readonly address: string;
    readonly container: string;
    readonly holder: Running;
    readonly serving: Running;
  }) {
    this.name = made.name;
    this.address = made.address;
    this.container = made.container;
    this.inside = `${made.name}-inside`;
    this.#holder = made.holder;
    this.#lines = createInterface({ input: made.holder.stdout });
    this.#serving = made.serving;
  }

  /**
   * `link`: this host's device to the other, which is in this host's namespace already; `holder`:
   * the program that holds its spans.
   */
  static async start(of: {
    readonly name: string;
    readonly link: string;
    readonly address: string;
    readonly container: string;
    readonly mtu: number;
    readonly holder: readonly string[];
  }): Promise<SpanHost> {
    const { name, link, address, container, mtu } = of;
    const inside = `${name}-inside`;
    const host = async (...order: readonly string[]) => await expectRun('ip', '-n', name, ...order);
    const within = async (...order: readonly string[]) =>
      await expectRun('ip', '-n', inside, ...order);
    await expectRun('ip', 'netns', 'add', inside);
    await host('address', 'add', `${address}/24`, 'dev', link);
    for (const one of ['lo', link]) await host('link', 'set', one, 'up');
    await host('link', 'add', bridge, 'type', 'bridge');
    await host('address', 'add', `${gateway}/24`, 'dev', bridge);
    await host('link', 'set', bridge, 'up');
    await host('link', 'add', 'port', 'type', 'veth', 'peer', 'eth0', 'netns', inside);
    await host('link', 'set', 'port', 'mtu', String(mtu), 'master', bridge, 'up');
    const own = ['address', hardwareAddress(container), 'mtu', String(mtu)];
    await within('link', 'set', 'eth0', ...own);
    await within('address', 'add', `${container}/24`, 'dev', 'eth0');
    await within(
      'address',
      'add',
      `${ipv6AddressOf(subnets, container)}/64`,
      'dev',
      'eth0',
      'nodad',
    );
    await within('link', 'set', 'eth0', 'up');
    await within('route', 'add', 'default', 'via', gateway);
    const serving = startIn(inside, [program('bytes.ts'), 'serve']);
    await once(serving.stdout, 'data');
    const holder = startIn(name, of.holder);
    return new SpanHost({ name, address, container, holder, serving });
  }

  /** Of the container. */
  get ipv6(): string {
    return ipv6AddressOf(subnets, this.container) ?? '';
  }

  /** This host's span, where these containers are on the other. */
  span(other: SpanHost, containers: readonly string[] = [other.container]): Span {
    return {
      bridge,
      device,
      vxlanId: 4_098,
      port: 4_789,
      localAddress: this.address,
      mtu: 1_450,
      subnets,
      remotes: new Map(containers.map((address) => [address, other.address])),
    };
  }

  async show(...spans: readonly Span[]): Promise<void> {
    const given = spans.map((span) => ({ ...span, remotes: [...span.remotes] }));
    await this.order(`show ${JSON.stringify(given)}`);
  }

  /** Returns how often drift was found until now. */
  async recheck(): Promise<number> {
    return Number(await this.order('recheck'));
  }

  async remove(): Promise<void> {
    await this.order('remove');
  }

  /** What the program says that holds the spans. */
  async order(line: string): Promise<string> {
    this.#holder.stdin.write(`${line}\n`);
    const [answer] = (await once(this.#lines, 'line')) as [string];
    assert.doesNotMatch(answer, /^\{"error"/);
    return answer;
  }

  async ip(...order: readonly string[]): Promise<string> {
    return await expectRun('ip', '-n', this.name, ...order);
  }

  async bridge(...order: readonly string[]): Promise<string> {
    return await expectRun('bridge', '-n', this.name, ...order);
  }

  /** How many of as many bytes arrive from the container at an address; NaN: nobody is there. */
  async push(
    to: string,
    count: number,
    { said = '', limitMs = 2_000 }: { readonly said?: string; readonly limitMs?: number } = {},
  ): Promise<number> {
    const inside = ['netns', 'exec', this.inside, process.execPath];
    const order = [program('bytes.ts'), 'push', to, String(count), said, String(limitMs)];
    const { stdout } = await runApart('ip', [...inside, ...order]);
    return Number(stdout.trim());
  }

  /** Packets that left by the device to the other host. */
  async sent(): Promise<number> {
    return (await this.#counted()).tx.packets;
  }

  /** Packets that came by it. */
  async received(): Promise<number> {
    return (await this.#counted()).rx.packets;
  }

  async #counted() {
    const [link] = JSON.parse(await this.ip('-s', '-json', 'link', 'show', device)) as [
      { readonly stats64: Readonly<Record<'rx' | 'tx', { readonly packets: number }>> },
    ];
    return link.stats64;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.#holder, this.#serving]) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await expectRun('ip', 'netns', 'delete', this.inside);
    await expectRun('ip', 'netns', 'delete', this.name);
  }
}

/** Two hosts, linked with each other; their containers send packets of that size. */
export async function startHosts(
  of: { readonly mtu: number; readonly holder: (name: string) => readonly string[] } = {
    mtu: 1_450,
    holder: () => [program('holder.ts')],
  },
): Promise<readonly [SpanHost, SpanHost]> {
  for (const name of ['host-a', 'host-b']) await expectRun('ip', 'netns', 'add', name);
  const ends = ['link', 'add', 'eth0', 'netns', 'host-a', 'type', 'veth', 'peer', 'eth0'];
  await expectRun('ip', ...ends, 'netns', 'host-b');
  const start = async (name: string, number: number) =>
    await SpanHost.start({
      name,
      link: 'eth0',
      mtu: of.mtu,
      holder: of.holder(name),
      address: `192.168.88.${number}`,
      container: `10.0.9.${number + 10}`,
    });
  return [await start('host-a', 1), await start('host-b', 2)];
}
