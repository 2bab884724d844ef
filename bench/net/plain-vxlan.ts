import type { TestPlayground } from '../../test/fixture/test-playground.ts';
import { endOf, outputOf, type Running, startIn } from './inside.ts';

const vxlanId = 9_999;
const port = 4_790;
const mtu = 1_450;
const device = 'plain-x';
const bridge = 'plain';

/** VXLAN between two hosts as one would make it by hand: a bridge, a device, a namespace each. */
export class PlainVxlan implements AsyncDisposable {
  readonly #playground: TestPlayground;
  readonly #hosts: readonly [string, string];
  /** Who holds the namespace of each host. */
  readonly #holders = new Map<string, { readonly child: Running; readonly pid: number }>();

  private constructor(playground: TestPlayground, hosts: readonly [string, string]) {
    this.#playground = playground;
    this.#hosts = hosts;
  }

  static async make(
    playground: TestPlayground,
    hosts: readonly [string, string],
  ): Promise<PlainVxlan> {
    const made = new PlainVxlan(playground, hosts);
    for (const host of hosts) await made.#makeOn(host);
    return made;
  }

  addressOf(host: string): string {
    return `198.51.100.${this.#hosts.indexOf(host) + 1}`;
  }

  /** Starts a program in the namespace of a host. */
  start(host: string, command: readonly string[]): Running {
    const pid = this.#holders.get(host)?.pid;
    if (pid === undefined) throw new Error(`there is no namespace on ${host}`);
    return startIn(this.#playground, { host, pid }, command);
  }

  async #makeOn(host: string): Promise<void> {
    const holder = startIn(this.#playground, { host }, [
      'unshare',
      '--net',
      'sh',
      '-c',
      'echo $$; exec cat',
    ]);
    const [first] = (await holder.stdout.take(1).toArray()) as [Buffer | undefined];
    const pid = Number(String(first).trim());
    this.#holders.set(host, { child: holder, pid });
    const other = this.#hosts.find((one) => one !== host) ?? '';
    const [local, remote] = [host, other].map((one) => this.#playground.host(one).address);
    await this.#on(host, [
      `link add ${bridge} type bridge`,
      `link set ${bridge} up`,
      `link add ${device} mtu ${mtu} type vxlan id ${vxlanId} dstport ${port} local ${local} remote ${remote}`,
      `link set ${device} master ${bridge} up`,
      `link add plain-v mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pid}`,
      `link set plain-v master ${bridge} up`,
    ]);
    await this.#feed(this.start(host, ['ip', '-batch', '-']), [
      `address add ${this.addressOf(host)}/24 dev eth0`,
      'link set eth0 up',
    ]);
  }

  async #on(host: string, lines: readonly string[]): Promise<void> {
    await this.#feed(startIn(this.#playground, { host }, ['ip', '-batch', '-']), lines);
  }

  async #feed(child: Running, lines: readonly string[]): Promise<void> {
    child.stdin.end(lines.map((line) => `${line}\n`).join(''));
    await outputOf(child, 'ip');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [host, { child }] of this.#holders) {
      await endOf(child);
      await this.#on(host, [`link delete ${device}`, `link delete ${bridge}`]);
    }
  }
}
