import { SimulatedNode } from '../../sim/node.ts';
import { SimulatedRuntime } from '../../sim/runtime.ts';
import type { NodeIdentity } from '../../src/host/node-identity.ts';
import type { Logger } from '../../src/host/logger.ts';
import { Prng } from '../../src/lib/prng.ts';
import { UdpLifeTransport } from '../../src/os/life-datagrams.ts';
import { NetworkTransport } from '../../src/os/network-transport.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { SystemRandom } from '../../src/os/system-random.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** The real agent of a worker on a simulated engine, over the network. Ends with the signal. */
export function startSeatedAgent(identity: NodeIdentity, signal: AbortSignal): SimulatedRuntime {
  const clock = new SystemClock();
  const dice = new Prng(1);
  const watcher = { created: () => undefined, started: () => undefined };
  const engine = new SimulatedRuntime({ clock, dice, watcher });
  const transport = new NetworkTransport({
    identity,
    random: new SystemRandom(),
    onRefused: () => undefined,
  });
  const life = new UdpLifeTransport(() => transport.managerAddress());
  const node = new SimulatedNode({
    clock,
    dice,
    logger: silent,
    engine,
    transport,
    life,
    hostname: identity.nodeId,
    nodeId: identity.nodeId,
    onBroken: (error) => {
      throw error;
    },
  });
  node.startAgent();
  signal.addEventListener('abort', () => {
    node.killAgent();
    transport.close();
  });
  return engine;
}
