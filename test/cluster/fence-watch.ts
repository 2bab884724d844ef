import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterSite } from './cluster-site.ts';

const pauseMs = 300;

/** A container of the fenced service, and when it ran for certain. */
interface Life {
  readonly host: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Asks every engine all the time what it runs of the fenced service. A container runs from its
 * start, as its engine says it, until the last look at which it ran: where two of these overlap,
 * both ran.
 */
export class FenceWatch implements AsyncDisposable {
  readonly #site: ClusterSite;
  readonly #lives = new Map<string, Life>();
  readonly #ended = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(site: ClusterSite) {
    this.#site = site;
    this.#running = Promise.all(site.hosts.map(({ name }) => this.#watch(name)));
  }

  /** Says which two ran at the same time. */
  findOverlap(): string | undefined {
    const lives = [...this.#lives].toSorted(([, left], [, right]) => left.from - right.from);
    for (const [index, [id, life]] of lives.entries()) {
      const other = lives.slice(0, index).find(([, before]) => before.to > life.from);
      if (other === undefined) continue;
      const [otherId, before] = other;
      const together = Math.min(before.to, life.to) - life.from;
      return (
        `the fenced task ran twice for ${together} ms and more, until ` +
        `${new Date(before.to).toISOString()}: ${otherId.slice(0, 12)} on ${before.host} and ` +
        `${id.slice(0, 12)} on ${life.host}`
      );
    }
    return undefined;
  }

  async #watch(host: string): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const askedAt = Date.now();
      const containers = (await this.#site.containersOf(host, 'alone')) ?? [];
      for (const { Id } of containers.filter(({ State }) => State === 'running')) {
        const from = this.#lives.get(Id)?.from ?? (await this.#startOf(host, Id));
        // One that ended meanwhile did not run when it was asked for.
        if (from !== undefined && from < askedAt) this.#lives.set(Id, { host, from, to: askedAt });
      }
      await sleep(pauseMs);
    }
  }

  async #startOf(host: string, id: string): Promise<number | undefined> {
    const found = await this.#site.ask<{ readonly State: { readonly StartedAt: string } }>(
      host,
      `/containers/${id}/json`,
    );
    return found && Date.parse(found.State.StartedAt);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }
}
