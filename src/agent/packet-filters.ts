import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import { ipv6Rules } from '../overlay/ipv6-rules.ts';
import type { Ruleset, Source } from '../overlay/ruleset.ts';
import { PacketFilter } from './packet-filter.ts';

/** Our tables of the kernel's packet filter: of IPv4, and of IPv6 once a network has that. */
export class PacketFilters {
  readonly #ipv4: PacketFilter;
  readonly #ipv6: PacketFilter;

  constructor(options: { readonly devices: NetworkDevices; readonly logger: Logger }) {
    this.#ipv4 = new PacketFilter(options);
    this.#ipv6 = new PacketFilter({ ...options, table: ipv6Rules([]).table, isMarking: false });
  }

  get isLoaded(): boolean {
    return this.#ipv4.isLoaded;
  }

  /** How often one of the kernel's tables was found to be other than ours. */
  get driftCount(): number {
    return this.#ipv4.driftCount + this.#ipv6.driftCount;
  }

  /** See `PacketFilter.prepare`. */
  prepare(source: Source): void {
    this.#ipv4.prepare(source);
  }

  /**
   * What is closed for IPv6 stays closed when its last network goes: a container may still be on
   * the bridge.
   */
  async show(ruleset: Ruleset, networks: ReadonlyMap<string, NetworkAssignment>): Promise<void> {
    const all = [...networks.values()];
    const isWanted = this.#ipv6.isLoaded || all.some(({ ipv6 }) => ipv6 !== undefined);
    await Promise.all([
      this.#ipv4.show(ruleset),
      isWanted ? this.#ipv6.show(ipv6Rules(all)) : undefined,
    ]);
  }

  /** See `PacketFilter.recheck`. */
  async recheck(how: { readonly isBrief: boolean }): Promise<readonly string[]> {
    const found = await this.#ipv4.recheck(how);
    return [...found, ...(await this.#ipv6.recheck(how))];
  }

  async remove(): Promise<void> {
    await this.#ipv4.remove();
    await this.#ipv6.remove();
  }
}
