import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';
import {
  chainsToKnow,
  driftOf,
  driftOfRules,
  type Listing,
  parseListing,
} from '../overlay/listing.ts';
import { acceptMark, tableName } from '../overlay/rule-table.ts';
import {
  ElementTexts,
  renderDifference,
  renderWhole,
  type Ruleset,
  type Source,
} from '../overlay/ruleset.ts';

interface Loaded {
  readonly ruleset: Ruleset;
  /** How the kernel words the rules of each chain. */
  readonly knownChains: Listing['chains'];
}

/** What sets the kernel's settings when a machine starts, or later, may not know of containers. */
const notForwarding =
  'net.ipv4.ip_forward was 0, so that no packet went from a container to another machine or to a ' +
  'virtual address; look in /etc/sysctl.d for what sets it';

/** Holds one table of the kernel's packet filter at what was asked for last. */
export class PacketFilter {
  readonly #devices: NetworkDevices;
  readonly #logger: Logger;
  readonly #table: string;
  readonly #isMarking: boolean;
  #loaded: Loaded | undefined;
  /** What this machine's `nft` words otherwise than we do: not to be taken for drift for ever. */
  #misread: ReadonlySet<string> = new Set();
  /** Differences that a repair left: the next one tells whether somebody was at work meanwhile. */
  #suspects: ReadonlySet<string> = new Set();
  readonly #texts = new ElementTexts();
  #driftCount = 0;

  /** `isMarking`: by a mark of its connections others let them pass. */
  constructor(options: {
    readonly devices: NetworkDevices;
    readonly logger: Logger;
    readonly table?: string;
    readonly isMarking?: boolean;
  }) {
    this.#devices = options.devices;
    this.#logger = options.logger;
    this.#table = options.table ?? tableName;
    this.#isMarking = options.isMarking ?? true;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** How often the kernel's table was found to be other than ours. */
  get driftCount(): number {
    return this.#driftCount;
  }

  /** Does now what `show` would do with these elements, where it has to load the whole. */
  prepare(source: Source): void {
    if (this.#loaded === undefined) this.#texts.of(source);
  }

  /** Brings the kernel's table to these rules, in one transaction. */
  async show(ruleset: Ruleset): Promise<void> {
    const loaded = this.#loaded;
    if (loaded === undefined) {
      await this.#letPass();
      if (this.#isMarking) await this.#devices.forwardPackets();
      return await this.#loadWhole(ruleset);
    }
    const difference = renderDifference(loaded.ruleset, ruleset);
    if (difference === '') return;
    if (difference === undefined) return await this.#loadWhole(ruleset);
    try {
      await this.#devices.loadRules(difference);
      this.#loaded = { ...loaded, ruleset };
    } catch (error) {
      // The kernel's table is not what we thought it was.
      this.#drifted([TuttiError.from(error).message]);
      await this.#loadWhole(ruleset);
    }
  }

  async #letPass(): Promise<void> {
    if (!this.#isMarking) return;
    await this.#devices.filterBridges();
    await this.#devices.acceptMarked(acceptMark);
  }

  /** And sees how the kernel words each chain. The elements are many, and looked at later. */
  async #loadWhole(ruleset: Ruleset): Promise<void> {
    await this.#devices.loadRules(renderWhole(ruleset, this.#texts));
    const loaded = { ruleset, knownChains: new Map() };
    this.#loaded = loaded;
    const listing = await this.#read(ruleset, { chainsOnly: true });
    if (listing === undefined) return;
    this.#loaded = { ruleset, knownChains: chainsToKnow(listing, loaded) };
  }

  async #read(
    { table }: Ruleset,
    how: { readonly chainsOnly: boolean } = { chainsOnly: false },
  ): Promise<Listing | undefined> {
    const text = await this.#devices.readRules(table, how);
    return text === undefined ? undefined : parseListing(text);
  }

  /**
   * Compares the kernel with what was loaded, and loads the whole where it drifted; returns what
   * differed. `isBrief`: without the elements, of which there may be thousands.
   */
  async recheck(
    how: { readonly isBrief: boolean } = { isBrief: false },
  ): Promise<readonly string[]> {
    const loaded = this.#loaded;
    if (loaded === undefined) return [];
    const isForwardingAnew = this.#isMarking && (await this.#devices.forwardPackets());
    if (isForwardingAnew) this.#logger.warn(notForwarding);
    const drift = await this.#recheckRules(loaded, how);
    return isForwardingAnew ? [notForwarding, ...drift] : drift;
  }

  async #recheckRules(
    loaded: Loaded,
    how: { readonly isBrief: boolean },
  ): Promise<readonly string[]> {
    await this.#letPass();
    const listing = await this.#read(loaded.ruleset, { chainsOnly: how.isBrief });
    const compare = how.isBrief ? driftOfRules : driftOf;
    const differences = listing === undefined ? ['the table is gone'] : compare(listing, loaded);
    const drift = differences.filter((line) => !this.#misread.has(line));
    if (drift.length > 0) return await this.#repair(loaded.ruleset, drift);
    if (listing !== undefined) {
      this.#loaded = { ...loaded, knownChains: chainsToKnow(listing, loaded) };
    }
    return [];
  }

  /** Returns what somebody changed; what is so right after loading, twice in a row, nobody did. */
  async #repair(ruleset: Ruleset, found: readonly string[]): Promise<readonly string[]> {
    await this.#loadWhole(ruleset);
    const listing = await this.#read(ruleset);
    const after = new Set(
      listing === undefined || this.#loaded === undefined ? [] : driftOf(listing, this.#loaded),
    );
    const left = found.filter((line) => after.has(line));
    const misread = left.filter((line) => this.#suspects.has(line));
    this.#suspects = new Set(left);
    if (misread.length > 0) {
      this.#misread = new Set([...this.#misread, ...misread]);
      this.#logger.warn('this version of nft words rules in a way that is not understood', {
        differences: misread,
      });
    }
    const drift = found.filter((line) => !misread.includes(line));
    if (drift.length > 0) this.#drifted(drift);
    return drift;
  }

  #drifted(differences: readonly string[]): void {
    this.#driftCount += 1;
    this.#logger.warn('somebody changed our packet filter table; loading it again', {
      differences,
    });
  }

  async remove(): Promise<void> {
    this.#loaded = undefined;
    // Also what a daemon before this one loaded, and this one has not shown anything yet.
    await this.#devices.removeRules(this.#table);
    if (this.#isMarking) await this.#devices.refuseMarked(acceptMark);
  }
}
