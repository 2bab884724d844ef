import type { Logger } from '../host/logger.ts';
import type { SpanDevices } from '../host/span-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { parseSpans } from '../overlay/span-listing.ts';
import {
  isEmptyDifference,
  noSpans,
  spanDifference,
  type SpanTables,
  tablesOf,
} from '../overlay/span-tables.ts';
import type { Span } from '../overlay/spans.ts';

/** Holds the kernel at the spans that were asked for last. */
export class Spans {
  readonly #devices: SpanDevices;
  readonly #logger: Logger;
  /** What the kernel has; undefined: it has to be asked. */
  #shown: SpanTables | undefined;
  #driftCount = 0;

  constructor(options: { readonly devices: SpanDevices; readonly logger: Logger }) {
    this.#devices = options.devices;
    this.#logger = options.logger;
  }

  /** How often the kernel was found to have something else. */
  get driftCount(): number {
    return this.#driftCount;
  }

  /** Adopts what a daemon before this one made. */
  async show(spans: readonly Span[]): Promise<void> {
    const wanted = tablesOf(spans);
    try {
      await this.#change(this.#shown ?? (await this.#read()), wanted);
    } catch (error) {
      // Somebody changed the kernel's tables under us; what they are now is what counts.
      this.#logger.debug('spans between nodes are made again', {
        error: TuttiError.from(error).message,
      });
      await this.#change(await this.#read(), wanted);
    }
  }

  async #change(before: SpanTables, wanted: SpanTables): Promise<void> {
    this.#shown = undefined;
    const { removals, additions } = spanDifference(before, wanted);
    await this.#devices.orderSpans(removals, { lenient: true });
    await this.#devices.orderSpans(additions, { lenient: false });
    this.#shown = wanted;
  }

  async #read(): Promise<SpanTables> {
    return parseSpans(await this.#devices.listSpans());
  }

  /** Compares the kernel with what was shown, and repairs it. */
  async recheck(): Promise<void> {
    const shown = this.#shown;
    if (shown === undefined || shown.links.size === 0) return;
    const found = await this.#read();
    const difference = spanDifference(found, shown);
    if (isEmptyDifference(difference)) return;
    this.#driftCount += 1;
    const { removals, additions } = difference;
    this.#logger.warn(
      'somebody changed what joins our networks with other nodes; making it again',
      {
        differences: [
          ...removals.ip,
          ...removals.bridge,
          ...additions.ip,
          ...additions.bridge,
        ].slice(0, longestList),
      },
    );
    await this.#change(found, shown);
  }

  /** Removes every span, whoever made it. */
  async remove(): Promise<void> {
    await this.#change(await this.#read(), noSpans);
  }
}

const longestList = 10;
