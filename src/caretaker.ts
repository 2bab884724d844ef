import { setTimeout as sleep } from 'node:timers/promises';
import { Names } from './catalog/names.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import { receiveDuties, untilRelieved } from './os/caretaker-process.ts';
import { DnsServer } from './os/dns-listeners.ts';
import { ProxyPortListeners } from './os/port-listeners.ts';
import { UpstreamDns } from './os/upstream-dns.ts';

/** What it knows grows old: after that names end, as if there had been none. */
const longestMs = 120_000;
/** Connections that came by it go on for so long. */
const connectionsLimitMs = 60_000;

/**
 * Answers names, and calls of this machine to published ports, from the end of one daemon to the
 * beginning of the next (docs/design/upgrades.md). It shows what was known at that end.
 */
export async function takeCare(options: {
  readonly socketPath: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { socketPath, logger } = options;
  const duties = await receiveDuties();
  const names = new Names(duties.view);
  const portOf = new Map(duties.names.map(({ networkId, port }) => [networkId, port]));
  const dns = new DnsServer({
    names,
    upstream: new UpstreamDns(),
    logger,
    portOf: (networkId) => portOf.get(networkId),
  });
  const ports = new ProxyPortListeners({ isShared: () => true });
  for (const { networkId, address } of duties.names) {
    await dns.open(networkId, address).catch((error: unknown) => {
      logger.warn('names of a network are not answered meanwhile', {
        error: TuttiError.from(error).message,
      });
    });
  }
  for (const { message } of await ports.apply(duties.forwards)) logger.warn(message);
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  void sleep(longestMs, undefined, { signal }).then(
    () => over.abort(),
    () => undefined,
  );
  await untilRelieved(duties, { socketPath, signal });
  over.abort();
  await dns.handOver();
  await ports.handOver(connectionsLimitMs);
}
