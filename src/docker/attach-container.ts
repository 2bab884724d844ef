import { TuttiError } from '../lib/error.ts';
import { newestApi } from './api-version.ts';
import type { DaemonContext } from './daemon-context.ts';
import { swarmError } from './errors.ts';
import { isRecord } from './go-json.ts';
import { findBackingNetwork, findClusterNetwork, type ShownNetwork } from './network-lookup.ts';

/** The agent makes the network as soon as it hears of it. */
const backingLimitMs = 10_000;
const backingPauseMs = 100;

const engineNetworks = new Set(['', 'default', 'bridge', 'host', 'none', 'nat']);

interface Attached {
  readonly network: ShownNetwork;
  /** What the container engine calls the network that carries it here. */
  readonly engineName: string;
}

/**
 * The body of `POST /containers/create` for the engine: networks of the cluster become those that
 * carry them on this node, and their gateways are asked for names. Undefined when there are none.
 *
 * @throws TuttiError `permission-denied` for a network that is not attachable.
 */
export async function attachToCluster(
  context: DaemonContext,
  from: { readonly document: unknown; readonly signal: AbortSignal },
): Promise<object | undefined> {
  const { document, signal } = from;
  if (!isRecord(document)) return undefined;
  const attached = new Map<string, Attached>();
  for (const name of networksOf(document)) {
    const network = await findClusterNetwork(context, { name, signal });
    if (network === undefined) continue;
    attached.set(name, { network, engineName: await carrierOf(context, { network, signal }) });
  }
  return attached.size === 0 ? undefined : rewrite(document, attached);
}

function networksOf(document: Readonly<Record<string, unknown>>): readonly string[] {
  const { HostConfig: host, NetworkingConfig: networking } = document;
  const mode = isRecord(host) && typeof host['NetworkMode'] === 'string' ? host['NetworkMode'] : '';
  const endpoints = isRecord(networking) ? networking['EndpointsConfig'] : undefined;
  const names = [mode, ...(isRecord(endpoints) ? Object.keys(endpoints) : [])];
  return [...new Set(names)].filter(
    (name) => !engineNetworks.has(name) && !name.startsWith('container:'),
  );
}

async function carrierOf(
  context: DaemonContext,
  of: { readonly network: ShownNetwork; readonly signal: AbortSignal },
): Promise<string> {
  const { network, signal } = of;
  if (network.document['Attachable'] !== true) {
    const refused = swarmError(
      'permission-denied',
      `network ${network.name} not manually attachable`,
    );
    throw new TuttiError(
      refused.code,
      `Could not attach to network ${network.name}: ${refused.message}`,
    );
  }
  const question = { version: newestApi, networkId: network.id, signal };
  for (let waitedMs = 0; waitedMs < backingLimitMs; waitedMs += backingPauseMs) {
    const backing = await findBackingNetwork(context, question);
    if (backing !== undefined) return backing.name;
    await context.clock.sleep(backingPauseMs, signal);
  }
  throw new TuttiError('unavailable', `network ${network.name} is not ready on this node yet`, {
    hint: 'Try again; the log of `tutti daemon` says what is in its way.',
  });
}

function rewrite(
  document: Readonly<Record<string, unknown>>,
  attached: ReadonlyMap<string, Attached>,
): object {
  const host = isRecord(document['HostConfig']) ? document['HostConfig'] : {};
  const networking = isRecord(document['NetworkingConfig']) ? document['NetworkingConfig'] : {};
  const endpoints = isRecord(networking['EndpointsConfig']) ? networking['EndpointsConfig'] : {};
  const mode = typeof host['NetworkMode'] === 'string' ? host['NetworkMode'] : '';
  const own = Array.isArray(host['Dns']) ? (host['Dns'] as readonly unknown[]) : [];
  const gateways = [...attached.values()].flatMap(({ network }) => gatewayOf(network));
  return {
    ...document,
    HostConfig: {
      ...host,
      NetworkMode: attached.get(mode)?.engineName ?? mode,
      Dns: [...gateways, ...own],
    },
    NetworkingConfig: {
      ...networking,
      EndpointsConfig: Object.fromEntries(
        Object.entries(endpoints).map(([name, endpoint]) => {
          const carrier = attached.get(name);
          if (carrier !== undefined) refuseOwnAddress(carrier.network, endpoint);
          return [carrier?.engineName ?? name, endpoint];
        }),
      ),
    },
  };
}

/** The cluster gives addresses to its tasks, and would give this one too. */
function refuseOwnAddress(network: ShownNetwork, endpoint: unknown): void {
  const settings = isRecord(endpoint) ? endpoint['IPAMConfig'] : undefined;
  const address = isRecord(settings) ? settings['IPv4Address'] : undefined;
  if (typeof address !== 'string' || address === '') return;
  throw new TuttiError(
    'unimplemented',
    `IPAMConfig.IPv4Address: ${address} cannot be asked for on ${network.name}, ` +
      'a network of the cluster',
    { field: 'IPAMConfig.IPv4Address', hint: 'Leave it out: the network has one for it.' },
  );
}

function gatewayOf(network: ShownNetwork): readonly string[] {
  const { IPAM: ipam } = network.document;
  const config: unknown = isRecord(ipam) ? ipam['Config'] : undefined;
  const first = Array.isArray(config) ? (config as readonly unknown[])[0] : undefined;
  const gateway = isRecord(first) ? first['Gateway'] : undefined;
  return typeof gateway === 'string' ? [gateway.split('/')[0] ?? gateway] : [];
}
