import { readFile, writeFile } from 'node:fs/promises';
import type { SpanDevices } from '../host/span-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { KernelPrograms } from './kernel-programs.ts';

const usualMtu = 1_500;
/** Orders that make and remove devices, and give them addresses. */
const ofLinks = /^(?:link|address) /;
/** A device between nodes has the node's address, too. */
const isOurs = /^tt-/;
/**
 * Values of `rp_filter`: a packet has to come in where its answer leaves, or where any way leads.
 */
const strict = '1';
const loose = '2';
/**
 * Nanoseconds for which the kernel keeps a full packet, so that the next of its connection can join
 * it. Who waits for an answer does not wait for this: the last packet of what a program says is
 * marked so by TCP (PSH), and goes on at once.
 */
const gatheringTime = '100000';

type Orders = Parameters<SpanDevices['orderSpans']>[0];

/** `ip` and `bridge` of this machine. */
export class LinuxSpanDevices implements SpanDevices {
  readonly #programs: KernelPrograms;

  constructor(programs = new KernelPrograms()) {
    this.#programs = programs;
  }

  async listSpans(): ReturnType<SpanDevices['listSpans']> {
    const [links, rules] = await Promise.all([
      this.#list('ip', ['-details', 'address', 'show', 'type', 'vxlan']),
      this.#list('ip', ['-4', 'rule', 'show']),
    ]);
    // Only a node with neighbours pays for the longer lists.
    if (links === '') return { links, rules, forwarding: '', neighbours: '', routes: '' };
    const [forwarding, neighbours, routes] = await Promise.all([
      this.#list('bridge', ['fdb', 'show']),
      this.#list('ip', ['neighbour', 'show', 'nud', 'permanent']),
      this.#list('ip', ['-4', 'route', 'show', 'table', 'all']),
    ]);
    return { links, rules, forwarding, neighbours, routes };
  }

  /**
   * The size of packets on the link that has the address; of the usual link where none has it, as
   * behind a router that changes addresses.
   */
  async linkMtu(address: string): Promise<number> {
    const links = await this.#programs.readLinks(['-4', 'address', 'show', 'to', address]);
    const own = links.find(({ ifname, mtu }) => mtu !== undefined && !isOurs.test(ifname));
    return own?.mtu ?? usualMtu;
  }

  /** Some versions print an empty list, or a list of empty objects, where there is nothing. */
  async #list(program: string, what: readonly string[]): Promise<string> {
    const text = (await this.#programs.read(program, ['-json', ...what])).trim();
    return /^\[[\s{},]*\]$/.test(text) ? '' : text;
  }

  async orderSpans(
    orders: Orders,
    { onUnderWay, ...how }: Parameters<SpanDevices['orderSpans']>[1],
  ): Promise<void> {
    const { true: links = [], false: others = [] } = Object.groupBy(orders.ip, (line) =>
      String(ofLinks.test(line)),
    );
    await this.#order('ip', { lines: links, ...how });
    // What is about devices stands on them; the rest does not wait for each other.
    const both = [
      this.#order('ip', { lines: others, ...how }),
      this.#order('bridge', { lines: orders.bridge, ...how }),
    ];
    onUnderWay?.();
    // Whoever looks at the kernel after a failure finds nobody at work any more.
    await Promise.allSettled(both);
    await Promise.all(both);
  }

  async #order(
    program: 'ip' | 'bridge',
    { lines, lenient }: { readonly lines: readonly string[]; readonly lenient: boolean },
  ): Promise<void> {
    if (lines.length === 0) return;
    const input = `${lines.join('\n')}\n`;
    if (lenient) await this.#programs.feedLeniently(program, ['-force', '-batch', '-'], input);
    else await this.#programs.feed(program, ['-batch', '-'], input);
  }

  async acceptDetours(device: string): Promise<void> {
    const setting = (name: string): string => `/proc/sys/net/ipv4/conf/${name}/rp_filter`;
    const values = await Promise.all(
      [device, 'all'].map(async (name) => (await readFile(setting(name), 'utf8')).trim()),
    );
    // The kernel takes the larger of the two.
    if (values.includes(strict) && !values.includes(loose)) await writeFile(setting(device), loose);
  }

  async gatherPackets(device: string): Promise<string | undefined> {
    const setting = `/sys/class/net/${device}/gro_flush_timeout`;
    try {
      const isSet = (await readFile(setting, 'utf8')).trim() === gatheringTime;
      if (!isSet) await writeFile(setting, gatheringTime);
      return undefined;
    } catch (error) {
      // Not to be written where a daemon is shut in; in a namespace without a /sys of its own the
      // device is not there.
      return TuttiError.from(error).message;
    }
  }
}
