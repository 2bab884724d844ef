import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { chainsToKnow, driftOf, type Listing, parseListing } from '../overlay/listing.ts';
import { acceptMark, tableName } from '../overlay/node-rules.ts';
import { renderDifference, renderWhole, type Ruleset } from '../overlay/ruleset.ts';

interface Loaded {
  readonly ruleset: Ruleset;
  /** How the kernel words the rules of each chain. */
  readonly knownChains: Listing['chains'];
}

/** Holds one table of the kernel's packet filter at what was asked for last. */
export class PacketFilter {
  readonly #devices: NetworkDevices;
  readonly #logger: Logger;
  #loaded: Loaded | undefined;
  /** What this machine's `nft` words otherwise than we do: not to be taken for drift for ever. */
  #misread: ReadonlySet<string> = new Set();
  #driftCount = 0;

  constructor(options: { readonly devices: NetworkDevices; readonly logger: Logger }) {
    this.#devices = options.devices;
    this.#logger = options.logger;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** How often the kernel's table was found to be other than ours. */
  get driftCount(): number {
    return this.#driftCount;
  }

  /** Brings the kernel's table to these rules, in one transaction. */
  async show(ruleset: Ruleset): Promise<void> {
    const loaded = this.#loaded;
    if (loaded === undefined) {
      await this.#devices.filterBridges();
      await this.#devices.acceptMarked(acceptMark);
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

  async #loadWhole(ruleset: Ruleset): Promise<void> {
    const first = await this.#loadAndRead(ruleset);
    if (first.length === 0) return;
    // Somebody may have been quicker; who is so twice in the same way is no somebody.
    const second = new Set(await this.#loadAndRead(ruleset));
    this.#misread = second.intersection(new Set(first));
    if (this.#misread.size === 0) return;
    this.#logger.warn('this version of nft words rules in a way that is not understood', {
      differences: [...this.#misread],
    });
  }

  /** Returns where the kernel's table differs from what was just loaded. */
  async #loadAndRead(ruleset: Ruleset): Promise<readonly string[]> {
    await this.#devices.loadRules(renderWhole(ruleset));
    this.#loaded = { ruleset, knownChains: new Map() };
    const listing = await this.#read(ruleset);
    if (listing === undefined) return [];
    this.#loaded = { ruleset, knownChains: chainsToKnow(listing, this.#loaded) };
    return driftOf(listing, this.#loaded);
  }

  async #read({ table }: Ruleset): Promise<Listing | undefined> {
    const text = await this.#devices.readRules(table);
    return text === undefined ? undefined : parseListing(text);
  }

  /** Compares the kernel with what was loaded, and loads the whole where it drifted. */
  async recheck(): Promise<void> {
    const loaded = this.#loaded;
    if (loaded === undefined) return;
    await this.#devices.filterBridges();
    await this.#devices.acceptMarked(acceptMark);
    const listing = await this.#read(loaded.ruleset);
    const drift =
      listing === undefined
        ? ['the table is gone']
        : driftOf(listing, loaded).filter((line) => !this.#misread.has(line));
    if (drift.length > 0) {
      this.#drifted(drift);
      await this.#loadWhole(loaded.ruleset);
    } else if (listing !== undefined) {
      this.#loaded = { ...loaded, knownChains: chainsToKnow(listing, loaded) };
    }
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
    await this.#devices.removeRules(tableName);
    await this.#devices.refuseMarked(acceptMark);
  }
}
