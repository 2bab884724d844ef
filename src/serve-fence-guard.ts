import { FenceWatch } from './agent/fence-watch.ts';
import type { Logger } from './host/logger.ts';
import { BootClock } from './os/boot-clock.ts';
import { DockerRuntime } from './os/docker-runtime.ts';
import { serveFenceGuard } from './os/fence-guard-server.ts';

/** A guard that no daemon ever speaks to is nobody's. */
const firstWordLimitMs = 20_000;

/**
 * The guard of a node's fenced tasks; resolves when nothing is left to be guarded, or the signal
 * (docs/design/liveness.md, Fencing).
 */
export async function runFenceGuard(options: {
  readonly socketPath: string;
  readonly engineSocket: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { socketPath, engineSocket, logger, signal } = options;
  const clock = new BootClock();
  const runtime = new DockerRuntime({ socketPath: engineSocket, clock });
  const watch = new FenceWatch({ clock, runtime, logger });
  const unheard = new AbortController();
  const server = await serveFenceGuard(socketPath, {
    hold: (hold) => {
      unheard.abort();
      watch.hold(hold);
    },
    connected: (count) => {
      watch.hasDaemon = count > 0;
    },
  });
  if (server === undefined) return;
  const tooLate = new AbortController();
  void clock.sleep(firstWordLimitMs, unheard.signal).then(
    () => tooLate.abort(),
    () => undefined,
  );
  await watch.run(AbortSignal.any([signal, tooLate.signal]));
  await server.close();
  runtime.close();
}
