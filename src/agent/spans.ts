import type { Logger } from '../host/logger.ts';
import type { SpanDevices } from '../host/span-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { numberWays } from '../overlay/mesh.ts';
import { newSpanOrders, partNewSpans } from '../overlay/new-spans.ts';
import { parseSpans } from '../overlay/span-listing.ts';
import {
  changedSpans,
  isEmptyDifference,
  type SpanDifference,
  spanDifference,
  type SpanTables,
  tablesOf,
  waysOf,
} from '../overlay/span-tables.ts';
import type { Span } from '../overlay/spans.ts';

interface Next {
  readonly spans: readonly Span[];
  readonly onUnderWay?: () => void;
}

/** Holds the kernel at the spans that were asked for last. */
export class Spans {
  readonly #devices: SpanDevices;
  readonly #logger: Logger;
  /** What the kernel has; undefined: it has to be asked. */
  #shown: readonly Span[] | undefined;
  /** Of every node that was ever joined; undefined: the kernel has to be asked. */
  #numbers: ReadonlyMap<string, number> | undefined;
  #driftCount = 0;
  #isSaidSlow = false;

  constructor(options: { readonly devices: SpanDevices; readonly logger: Logger }) {
    this.#devices = options.devices;
    this.#logger = options.logger;
  }

  /** How often the kernel was found to have something else. */
  get driftCount(): number {
    return this.#driftCount;
  }

  /** What leads through another device does not know that there is a new one of its name. */
  lookAnew(): void {
    this.#shown = undefined;
  }

  /**
   * Adopts what a daemon before this one made. `onUnderWay` is told when there is nothing to do but
   * to wait for the kernel; maybe twice.
   */
  async show(spans: readonly Span[], onUnderWay?: () => void): Promise<void> {
    const shown = this.#shown;
    const next = { spans, ...(onUnderWay !== undefined && { onUnderWay }) };
    try {
      if (shown === undefined) await this.#change(await this.#read(), next);
      else await this.#follow(shown, next);
    } catch (error) {
      // Somebody changed the kernel's tables under us; what they are now is what counts.
      this.#logger.debug('spans between nodes are made again', {
        error: TuttiError.from(error).message,
      });
      await this.#change(await this.#read(), next);
    }
  }

  async #follow(shown: readonly Span[], next: Next): Promise<void> {
    const { before, after } = changedSpans(shown, next.spans);
    const known = new Set(before.map(({ device }) => device));
    const { fresh, others } = partNewSpans(after, ({ device }) => known.has(device));
    const [old, recent] = [tablesOf(before), tablesOf(others)];
    await this.#order(withNew(spanDifference(old, recent), fresh), next);
    const isMade = ({ device }: Span) => old.links.get(device) !== recent.links.get(device);
    await this.#gatherPackets([...fresh, ...others.filter(isMade)]);
  }

  async #change(before: SpanTables, next: Next): Promise<void> {
    const isEmpty = before.links.size + before.neighbours.size === 0;
    const { fresh, others } = partNewSpans(next.spans, () => !isEmpty);
    await this.#order(withNew(spanDifference(before, tablesOf(others)), fresh), next);
    await this.#gatherPackets(next.spans);
  }

  async #order({ removals, additions }: SpanDifference, next: Next): Promise<void> {
    const { spans, ...how } = next;
    this.#shown = undefined;
    await this.#devices.orderSpans(removals, { lenient: true });
    await this.#devices.orderSpans(additions, { lenient: false, ...how });
    await this.#acceptDetours(spans);
    this.#shown = spans;
  }

  /** Callers come in by the node that was asked, which need not be the way to them. */
  async #acceptDetours(spans: readonly Span[]): Promise<void> {
    for (const { device, ways } of spans) {
      if (ways !== undefined) await this.#devices.acceptDetours(device);
    }
  }

  /** By a tunnel packets come one by one, where the kernel has it not in itself. */
  async #gatherPackets(spans: readonly Span[]): Promise<void> {
    for (const { device, tunnel } of spans) {
      if (tunnel === undefined) continue;
      const reason = await this.#devices.gatherPackets(device);
      if (reason === undefined || this.#isSaidSlow) continue;
      this.#isSaidSlow = true;
      this.#logger.info('encrypted networks are slower: packets that come in are not gathered', {
        device,
        reason,
      });
    }
  }

  /**
   * The number of each node of these addresses by which replies find back to it. Who had one keeps
   * it, also from a daemon before this one: connections live on that remember it.
   */
  async numberWays(addresses: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (addresses.length === 0) return new Map();
    this.#numbers ??= waysOf(await this.#read());
    this.#numbers = numberWays(this.#numbers, addresses);
    return this.#numbers;
  }

  async #read(): Promise<SpanTables> {
    return parseSpans(await this.#devices.listSpans());
  }

  /** Compares the kernel with what was shown, and repairs it; returns what differed. */
  async recheck(): Promise<readonly string[]> {
    const shown = this.#shown;
    if (shown === undefined || shown.length === 0) return [];
    const found = await this.#read();
    const difference = spanDifference(found, tablesOf(shown));
    if (isEmptyDifference(difference)) {
      await this.#acceptDetours(shown);
      await this.#gatherPackets(shown);
      return [];
    }
    this.#driftCount += 1;
    const { removals, additions } = difference;
    const all = [...removals.ip, ...removals.bridge, ...additions.ip, ...additions.bridge];
    const differences = all.slice(0, longestList);
    this.#logger.warn(
      'somebody changed what joins our networks with other nodes; making it again',
      { differences },
    );
    await this.#order(difference, { spans: shown });
    await this.#gatherPackets(shown);
    return differences;
  }

  /** Removes every span, whoever made it. */
  async remove(): Promise<void> {
    await this.#change(await this.#read(), { spans: [] });
  }
}

function withNew(
  { removals, additions: { ip, bridge } }: SpanDifference,
  fresh: readonly Span[],
): SpanDifference {
  const made = newSpanOrders(fresh);
  return { removals, additions: { ip: [...ip, ...made.ip], bridge: [...bridge, ...made.bridge] } };
}

const longestList = 10;
