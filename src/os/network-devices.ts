import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { changedKeys } from '../lib/layered-map.ts';
import { parseSubnet, subnetAt, parseAddress, subnetsOverlap } from '../lib/ipv4.ts';
import { type FlowKind, flowsOf, listFewFlows, withFlows } from './flow-listing.ts';
import { KernelPrograms, type Link } from './kernel-programs.ts';
import { watchKernel } from './kernel-watch.ts';
import { nameProgram } from './named-program.ts';
import { RuleSession } from './rule-session.ts';

const forwardingPath = '/proc/sys/net/ipv4/ip_forward';
const devicesPath = '/proc/net/dev';
const bridgeFilterPath = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const engineChain = 'DOCKER-USER';
const inputChain = 'INPUT';
/** A network's device for what goes to other nodes. */
const leadsToOthers = /^tt-.*-x$/;
const openInput = '-P INPUT ACCEPT';
/** Under this name the kernel tells of what we did to its packet filter. */
const ownFilterName = 'tutti-nft';
/** `nft` reads what is said to it letter by letter: what is longer is faster by a file. */
const longestSaid = 4_096;

/**
 * Virtual addresses are local by routes of ours: the bridge answers for them as for addresses of
 * its own, of which a device cannot have thousands (each is compared with all others).
 */
const routeWords = ['table', 'local', 'proto', '84'] as const;
const routeMark = routeWords.join(' ');
const bridgePrefix = 'tt-';

/** As the rules were written: no counters, protocols as numbers. */
const listing = ['--stateless', '--numeric-protocol'] as const;

interface LocalRoute {
  readonly dst: string;
  readonly dev: string;
}

interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** `nft`, `ip`, `iptables` and `conntrack` of this machine. */
export class LinuxNetworkDevices implements NetworkDevices {
  readonly #programs = new KernelPrograms();
  readonly #ownDirectory: string;
  readonly #onAddress: () => void;
  #packetFilter: Promise<{ readonly program: string; readonly session: RuleSession }> | undefined;
  /** Addresses that bridges have from us. */
  readonly #given = new Map<string, ReadonlyMap<string, unknown>>();
  #reading: Promise<void> | undefined;
  /** Containers remember them: a bridge that comes back must have its own again. */
  readonly #hardwareAddresses = new Map<string, string>();

  /** @param ownDirectory For a link to the program that changes the packet filter. */
  /** `onAddress`: an address of the machine came or went. */
  constructor(ownDirectory: string, onAddress: () => void = () => undefined) {
    this.#ownDirectory = ownDirectory;
    this.#onAddress = onAddress;
  }

  async loadRules(script: string): Promise<void> {
    this.#packetFilter ??= nameProgram('nft', join(this.#ownDirectory, ownFilterName)).then(
      (name) => ({ program: name, session: new RuleSession(name) }),
    );
    const { program, session } = await this.#packetFilter;
    if (script.length <= longestSaid && (await session.carryOut(script))) return;
    await this.#programs.feed(program, ['-f', '-'], script);
  }

  async readRules(
    table: string,
    how: { readonly chainsOnly: boolean } = { chainsOnly: false },
  ): Promise<string | undefined> {
    if (how.chainsOnly) return await this.#readChains(table);
    try {
      const what = [...listing, 'list', 'table', ...table.split(' ')];
      return await this.#programs.read('nft', what);
    } catch (error) {
      if (String(error).includes('No such file')) return undefined;
      throw error;
    }
  }

  /** Of one table alone nft reads all elements, whether it is to list them or not. */
  async #readChains(table: string): Promise<string | undefined> {
    const [family = ''] = table.split(' ');
    const what = [...listing, '--terse', 'list', 'ruleset', family];
    const lines = (await this.#programs.read('nft', what)).split('\n');
    const start = lines.indexOf(`table ${table} {`);
    return start < 0 ? undefined : lines.slice(start, lines.indexOf('}', start) + 1).join('\n');
  }

  async removeRules(table: string): Promise<void> {
    await this.loadRules(`add table ${table}\ndelete table ${table}\n`);
  }

  async setAddresses(bridge: string, wanted: ReadonlyMap<string, unknown>): Promise<void> {
    if (!this.#given.has(bridge)) {
      this.#reading ??= this.#readBridges();
      await this.#reading;
    }
    const given = this.#given.get(bridge) ?? new Map<string, unknown>();
    const changed = changedKeys(given, wanted).filter((one) => given.has(one) !== wanted.has(one));
    const lines = [
      ...changed
        .filter((one) => !wanted.has(one))
        .map((one) => `route del local ${one} dev ${bridge} ${routeMark}`),
      ...changed
        .filter((one) => wanted.has(one))
        .map((one) => `route replace local ${one} dev ${bridge} ${routeMark}`),
    ];
    if (lines.length > 0) await this.#programs.feed('ip', ['-batch', '-'], inLines(lines));
    this.#given.set(bridge, wanted);
  }

  forgetAddresses(): void {
    this.#given.clear();
  }

  async #readBridges(): Promise<void> {
    try {
      const all = await this.#programs.readLinks(['-4', 'address', 'show', 'type', 'bridge']);
      // Other devices are empty objects in the list.
      const links = all.filter(({ ifname }: Partial<Link>) => ifname?.startsWith(bridgePrefix));
      await this.#takeUp(links);
      const routes = await this.#programs.read('ip', ['-json', 'route', 'show', ...routeWords]);
      const byBridge = Map.groupBy(
        routes.trim() === '' ? [] : (JSON.parse(routes) as readonly LocalRoute[]),
        ({ dev }) => dev,
      );
      for (const { ifname, address } of links) {
        if (address !== undefined) this.#hardwareAddresses.set(ifname, address);
        if (this.#given.has(ifname)) continue;
        this.#given.set(ifname, new Map(byBridge.get(ifname)?.map(({ dst }) => [dst, undefined])));
      }
    } finally {
      this.#reading = undefined;
    }
  }

  /**
   * Routes go with a bridge that is taken down, and none can be made. Before routes, virtual
   * addresses were addresses of the bridge, whose own one has its prefix.
   */
  async #takeUp(links: readonly Link[]): Promise<void> {
    const lines = links.flatMap(({ ifname, flags, addr_info: infos }) => [
      ...(flags?.includes('UP') === true ? [] : [`link set dev ${ifname} up`]),
      ...(infos ?? []).flatMap(({ local, prefixlen }) =>
        prefixlen === 32 ? [`address del ${local}/32 dev ${ifname}`] : [],
      ),
    ]);
    if (lines.length > 0) await this.#programs.feed('ip', ['-batch', '-'], inLines(lines));
  }

  async allowHairpin(bridges: readonly string[]): Promise<void> {
    const links = await this.#programs.readLinks(['link', 'show', 'type', 'bridge_slave']);
    const ports = links
      .filter(({ master }) => master !== undefined && bridges.includes(master))
      .filter(({ linkinfo }) => linkinfo?.info_slave_data?.hairpin !== true)
      .map(({ ifname }) => ifname)
      // Where two nodes differ about where a task is, a packet would go to and fro for ever.
      .filter((name) => !leadsToOthers.test(name));
    if (ports.length === 0) return;
    const lines = ports.map((name) => `link set dev ${name} type bridge_slave hairpin on`);
    // A port may go while we look at it; then it needs nothing any more.
    await this.#programs.feedLeniently('ip', ['-force', '-batch', '-'], inLines(lines));
  }

  async listBridges(): Promise<ReadonlySet<string>> {
    const links = await this.#programs.readLinks(['link', 'show', 'type', 'bridge']);
    return new Set(links.map(({ ifname }) => ifname));
  }

  async removeBridge(bridge: string): Promise<void> {
    // Of this process's own network namespace, and read at once.
    const devices = (await readFile(devicesPath, 'utf8')).split('\n');
    if (!devices.some((line) => line.trimStart().startsWith(`${bridge}:`))) return;
    await this.#programs.feedLeniently('ip', ['-batch', '-'], `link delete dev ${bridge}\n`);
  }

  async restoreBridge(request: {
    readonly bridge: string;
    readonly address: string;
    readonly ipv6Address?: string;
    readonly members: readonly number[];
  }): Promise<void> {
    const { bridge, address, ipv6Address } = request;
    const before = this.#hardwareAddresses.get(bridge);
    const own = before === undefined ? '' : `address ${before} `;
    await this.#programs.feed(
      'ip',
      ['-batch', '-'],
      inLines([
        `link add dev ${bridge} ${own}type bridge`,
        `address add ${address} broadcast + dev ${bridge}`,
        ...(ipv6Address === undefined ? [] : [`address add ${ipv6Address} dev ${bridge} nodad`]),
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

  async forgetDatagrams(addresses: readonly string[]): Promise<void> {
    await this.#forget({ protocol: 'udp' }, addresses);
  }

  async forgetUnanswered(addresses: readonly string[]): Promise<void> {
    await this.#forget({ protocol: 'tcp', state: 'SYN_SENT' }, addresses);
  }

  async #forget(kind: FlowKind, addresses: readonly string[]): Promise<void> {
    const flows = [
      '-p',
      kind.protocol,
      ...(kind.state === undefined ? [] : ['--state', kind.state]),
    ];
    for (const address of await this.#withFlows(kind, { flows, addresses })) {
      // It fails, too, when there was none.
      await this.#conntrack('-D', ...flows, '--reply-src', address);
    }
  }

  /** Looking at all flows by the program costs as much as forgetting those of one address. */
  async #withFlows(
    kind: FlowKind,
    of: { readonly flows: readonly string[]; readonly addresses: readonly string[] },
  ): Promise<readonly string[]> {
    const few = await listFewFlows();
    if (few !== undefined) return withFlows(flowsOf(kind, few), of.addresses);
    if (of.addresses.length < 2) return of.addresses;
    return withFlows(await this.#conntrack('-L', ...of.flows), of.addresses);
  }

  async #conntrack(...words: readonly string[]): Promise<string> {
    const hint = 'Install the package conntrack.';
    return await this.#programs.attempt('conntrack', words, { hint });
  }

  async forgetQueries(gateways: readonly string[]): Promise<void> {
    for (const gateway of gateways) {
      const queries = ['--orig-dst', gateway, '--orig-port-dst', '53'];
      // It fails, too, when there was none.
      await this.#conntrack('-D', '-p', 'udp', ...queries);
    }
  }

  async acceptMarked(mark: Mark): Promise<void> {
    if (!(await this.#hasRule(engineChain, mark))) {
      // It fails where the engine has made the chain.
      await this.#programs.succeeds('iptables', ['-w', '-N', engineChain]);
      await this.#insert(engineChain, mark);
    }
    if (!(await this.#isInputFiltered()) || (await this.#hasRule(inputChain, mark))) return;
    await this.#insert(inputChain, mark);
  }

  /** A machine that lets everything in needs no rule, and looking must make none. */
  async #isInputFiltered(): Promise<boolean> {
    const rules = await this.#programs.read('iptables', ['-w', '-S', inputChain]).catch(() => '');
    return rules.trim() !== '' && rules.trim() !== openInput;
  }

  async #hasRule(chain: string, mark: Mark): Promise<boolean> {
    return await this.#programs.succeeds('iptables', ['-w', '-C', chain, ...markRule(mark)]);
  }

  async #insert(chain: string, mark: Mark): Promise<void> {
    await this.#programs.read('iptables', ['-w', '-I', chain, '1', ...markRule(mark)]);
  }

  async refuseMarked(mark: Mark): Promise<void> {
    for (const chain of [engineChain, inputChain]) {
      while (await this.#hasRule(chain, mark)) {
        await this.#programs.read('iptables', ['-w', '-D', chain, ...markRule(mark)]);
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

  async forwardPackets(): Promise<boolean> {
    if ((await readFile(forwardingPath, 'utf8')).trim() === '1') return false;
    await writeFile(forwardingPath, '1');
    return true;
  }

  async watch(onChange: (what: string) => void, signal: AbortSignal): Promise<void> {
    const onAddress = this.#onAddress;
    await watchKernel({ ownName: ownFilterName, onChange, onAddress, signal });
  }
}

/** Whether the kernel would load a script of nftables; nothing is changed. */
export async function wouldLoad(script: string): Promise<boolean> {
  const checking = new KernelPrograms().feed('nft', ['--check', '-f', '-'], script);
  return await checking.then(
    () => true,
    () => false,
  );
}

function inLines(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function markRule(mark: Mark): readonly string[] {
  const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
  return ['-m', 'connmark', '--mark', `${hex(mark.value)}/${hex(mark.mask)}`, '-j', 'ACCEPT'];
}
