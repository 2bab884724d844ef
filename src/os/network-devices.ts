import { access, readFile, writeFile } from 'node:fs/promises';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { parseSubnet, subnetAt, parseAddress, subnetsOverlap } from '../lib/ipv4.ts';
import { watchKernel } from './kernel-watch.ts';
import { KernelPrograms } from './kernel-programs.ts';

const bridgeFilterPath = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const engineChain = 'DOCKER-USER';
const inputChain = 'INPUT';
/** A network's device for what goes to other nodes. */
const leadsToOthers = /^tt-.*-x$/;
const openInput = '-P INPUT ACCEPT';

interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** `nft`, `ip`, `iptables` and `conntrack` of this machine. */
export class LinuxNetworkDevices implements NetworkDevices {
  readonly #programs = new KernelPrograms();
  /** Addresses that bridges have from us. */
  readonly #given = new Map<string, ReadonlySet<string>>();
  #reading: Promise<void> | undefined;
  /** Containers remember them: a bridge that comes back must have its own again. */
  readonly #hardwareAddresses = new Map<string, string>();
  /** Ports of bridges that were let send back. */
  #hairpins: ReadonlySet<string> = new Set();

  async loadRules(script: string): Promise<void> {
    await this.#programs.feed('nft', ['-f', '-'], script);
  }

  async readRules(table: string): Promise<string | undefined> {
    try {
      const what = ['--stateless', '--numeric-protocol', 'list', 'table', ...table.split(' ')];
      return await this.#programs.read('nft', what);
    } catch (error) {
      if (String(error).includes('No such file')) return undefined;
      throw error;
    }
  }

  async removeRules(table: string): Promise<void> {
    await this.loadRules(`add table ${table}\ndelete table ${table}\n`);
  }

  async setAddresses(bridge: string, addresses: readonly string[]): Promise<void> {
    const wanted = new Set(addresses);
    if (!this.#given.has(bridge)) {
      this.#reading ??= this.#readBridges();
      await this.#reading;
    }
    const given = this.#given.get(bridge) ?? new Set();
    const lines = [
      ...[...given]
        .filter((one) => !wanted.has(one))
        .map((one) => `address del ${one}/32 dev ${bridge}`),
      ...[...wanted]
        .filter((one) => !given.has(one))
        .map((one) => `address replace ${one}/32 dev ${bridge}`),
    ];
    if (lines.length > 0) await this.#programs.feed('ip', ['-batch', '-'], inLines(lines));
    this.#given.set(bridge, wanted);
  }

  forgetAddresses(): void {
    this.#given.clear();
    this.#hairpins = new Set();
  }

  /** /32 addresses are ours, the bridge's own has its prefix. */
  async #readBridges(): Promise<void> {
    try {
      const links = await this.#programs.readLinks(['-4', 'address', 'show', 'type', 'bridge']);
      for (const { ifname, address, addr_info: infos } of links) {
        if (address !== undefined) this.#hardwareAddresses.set(ifname, address);
        if (this.#given.has(ifname)) continue;
        const virtual = (infos ?? []).flatMap(({ local, prefixlen }) =>
          prefixlen === 32 && local !== undefined ? [local] : [],
        );
        this.#given.set(ifname, new Set(virtual));
      }
    } finally {
      this.#reading = undefined;
    }
  }

  async allowHairpin(bridges: readonly string[]): Promise<void> {
    const links = await this.#programs.readLinks(['link', 'show', 'type', 'bridge_slave']);
    const ports = links
      .filter(({ master }) => master !== undefined && bridges.includes(master))
      .map(({ ifname }) => ifname)
      // Where two nodes differ about where a task is, a packet would go to and fro for ever.
      .filter((name) => !leadsToOthers.test(name));
    const further = ports.filter((name) => !this.#hairpins.has(name));
    this.#hairpins = new Set(ports);
    await Promise.all(
      further.map(async (name) => {
        // A port may go while we look at it; then it needs nothing any more.
        const set = ['link', 'set', 'dev', name, 'type', 'bridge_slave', 'hairpin', 'on'];
        await this.#programs.succeeds('ip', set);
      }),
    );
  }

  async listBridges(): Promise<ReadonlySet<string>> {
    const links = await this.#programs.readLinks(['link', 'show', 'type', 'bridge']);
    return new Set(links.map(({ ifname }) => ifname));
  }

  async restoreBridge(request: {
    readonly bridge: string;
    readonly address: string;
    readonly members: readonly number[];
  }): Promise<void> {
    const { bridge, address } = request;
    const before = this.#hardwareAddresses.get(bridge);
    const own = before === undefined ? '' : `address ${before} `;
    await this.#programs.feed(
      'ip',
      ['-batch', '-'],
      inLines([
        `link add dev ${bridge} ${own}type bridge`,
        `address add ${address} broadcast + dev ${bridge}`,
        `link set dev ${bridge} up`,
      ]),
    );
    const host = await this.#programs.readLinks(['link', 'show']);
    const nameOf = new Map(host.map(({ ifindex, ifname }) => [ifindex, ifname]));
    for (const pid of request.members) {
      for (const peer of await this.#peersIn(pid, address)) {
        const name = nameOf.get(peer);
        if (name === undefined) continue;
        await this.#programs.succeeds('ip', ['link', 'set', 'dev', name, 'master', bridge]);
      }
    }
  }

  /** Indexes, on the host, of the other ends of the container's devices in the subnet. */
  async #peersIn(pid: number, subnet: string): Promise<readonly number[]> {
    const range = parseSubnet(subnet);
    const inside = ['-t', String(pid), '-n', 'ip'];
    // A container that ended meanwhile has none.
    const links = await this.#programs
      .readLinks(['-4', 'address', 'show'], { program: 'nsenter', before: inside })
      .catch(() => []);
    return links.flatMap(({ link_index: peer, addr_info: infos }) => {
      const isInside = (infos ?? []).some(({ local }) => {
        const address = local === undefined ? undefined : parseAddress(local);
        return (
          range !== undefined &&
          address !== undefined &&
          subnetsOverlap(range, subnetAt(address, 32))
        );
      });
      return isInside && peer !== undefined ? [peer] : [];
    });
  }

  async forgetFlows(addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      // It fails, too, when there was none.
      await this.#programs.attempt('conntrack', ['-D', '-p', 'udp', '--reply-src', address], {
        hint: 'Install the package conntrack.',
      });
    }
  }

  async acceptMarked(mark: Mark): Promise<void> {
    if (!(await this.#programs.succeeds('iptables', ['-w', '-n', '-L', engineChain]))) {
      await this.#programs.succeeds('iptables', ['-w', '-N', engineChain]);
    }
    await this.#insert(engineChain, mark);
    if (await this.#isInputFiltered()) await this.#insert(inputChain, mark);
  }

  /** A machine that lets everything in needs no rule, and looking must make none. */
  async #isInputFiltered(): Promise<boolean> {
    const rules = await this.#programs.read('iptables', ['-w', '-S', inputChain]).catch(() => '');
    return rules.trim() !== '' && rules.trim() !== openInput;
  }

  async #insert(chain: string, mark: Mark): Promise<void> {
    const rule = markRule(mark);
    if (await this.#programs.succeeds('iptables', ['-w', '-C', chain, ...rule])) return;
    await this.#programs.read('iptables', ['-w', '-I', chain, '1', ...rule]);
  }

  async refuseMarked(mark: Mark): Promise<void> {
    const rule = markRule(mark);
    for (const chain of [engineChain, inputChain]) {
      while (await this.#programs.succeeds('iptables', ['-w', '-C', chain, ...rule])) {
        await this.#programs.read('iptables', ['-w', '-D', chain, ...rule]);
      }
    }
  }

  async filterBridges(): Promise<void> {
    const isThere = await access(bridgeFilterPath).then(
      () => true,
      () => false,
    );
    if (!isThere) await this.#programs.succeeds('modprobe', ['br_netfilter']);
    const value = await readFile(bridgeFilterPath, 'utf8').catch(() => undefined);
    if (value === undefined) {
      throw new TuttiError(
        'failed-precondition',
        'the kernel module br_netfilter is missing, which virtual addresses need',
        { hint: 'Load it with `modprobe br_netfilter`.' },
      );
    }
    if (value.trim() !== '1') await writeFile(bridgeFilterPath, '1');
  }

  async watch(onChange: (what: string) => void, signal: AbortSignal): Promise<void> {
    const isOurs = (pid: number): boolean => this.#programs.wasOurs(pid);
    await watchKernel({ isOurs, onChange, signal });
  }
}

function inLines(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function markRule(mark: Mark): readonly string[] {
  const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
  return ['-m', 'connmark', '--mark', `${hex(mark.value)}/${hex(mark.mask)}`, '-j', 'ACCEPT'];
}
