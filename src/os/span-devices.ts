import type { SpanDevices } from '../host/span-devices.ts';
import { KernelPrograms } from './kernel-programs.ts';

const usualMtu = 1_500;

type Orders = Parameters<SpanDevices['orderSpans']>[0];

/** `ip` and `bridge` of this machine. */
export class LinuxSpanDevices implements SpanDevices {
  readonly #programs: KernelPrograms;

  constructor(programs = new KernelPrograms()) {
    this.#programs = programs;
  }

  async listSpans(): ReturnType<SpanDevices['listSpans']> {
    const links = await this.#list('ip', ['-details', 'link', 'show', 'type', 'vxlan']);
    // Only a node with neighbours pays for the longer lists.
    if (links === '') return { links, forwarding: '', neighbours: '' };
    const [forwarding, neighbours] = await Promise.all([
      this.#list('bridge', ['fdb', 'show']),
      this.#list('ip', ['-4', 'neighbour', 'show', 'nud', 'permanent']),
    ]);
    return { links, forwarding, neighbours };
  }

  /**
   * The size of packets on the link that has the address; of the usual link where none has it, as
   * behind a router that changes addresses.
   */
  async linkMtu(address: string): Promise<number> {
    const links = await this.#programs.readLinks(['-4', 'address', 'show', 'to', address]);
    return links.find(({ mtu }) => mtu !== undefined)?.mtu ?? usualMtu;
  }

  /** Some versions print an empty list, or a list of empty objects, where there is nothing. */
  async #list(program: string, what: readonly string[]): Promise<string> {
    const text = (await this.#programs.read(program, ['-json', ...what])).trim();
    return /^\[[\s{},]*\]$/.test(text) ? '' : text;
  }

  async orderSpans(orders: Orders, how: { readonly lenient: boolean }): Promise<void> {
    for (const program of ['ip', 'bridge'] as const) {
      const lines = orders[program];
      if (lines.length === 0) continue;
      const input = `${lines.join('\n')}\n`;
      if (how.lenient)
        await this.#programs.feedLeniently(program, ['-force', '-batch', '-'], input);
      else await this.#programs.feed(program, ['-batch', '-'], input);
    }
  }
}
