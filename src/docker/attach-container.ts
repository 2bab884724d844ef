import type { GrantedPlace } from '../host/attachments.ts';
import { TuttiError } from '../lib/error.ts';
import { newestApi } from './api-version.ts';
import type { DaemonContext } from './daemon-context.ts';
import { sentenceOf, swarmError } from './errors.ts';
import { isRecord } from './go-json.ts';
import { findLocalNetwork } from './network-lookup.ts';

const engineNetworks = new Set(['', 'default', 'bridge', 'host', 'none', 'nat']);

type Document = Readonly<Record<string, unknown>>;

/** A container that is to be made on networks of the cluster. */
interface AttachedContainer {
  /** What the engine is asked. */
  readonly document: object;
  /** To be settled, whatever the engine answers. */
  readonly placeIds: readonly string[];
}

/**
 * The body of `POST /containers/create` for the engine: networks of the cluster become those that
 * carry them on this node, with an address that the cluster gave, and their gateways are asked for
 * names. Undefined when there are none.
 *
 * @throws TuttiError in Swarm's words where the cluster gives no place.
 */
export async function attachToCluster(
  context: DaemonContext,
  from: { readonly document: unknown; readonly signal: AbortSignal },
): Promise<AttachedContainer | undefined> {
  const { document, signal } = from;
  if (!isRecord(document)) return undefined;
  const places = new Map<string, GrantedPlace>();
  const idsOf = (): readonly string[] => [...places.values()].map(({ id }) => id);
  const endpoints = endpointsOf(document);
  try {
    for (const name of networksOf(document)) {
      const place = await askForPlace(context, { name, endpoint: endpoints[name], signal });
      if (place !== undefined) places.set(name, place);
    }
  } catch (error) {
    void context.attachments.settle(idsOf());
    throw error;
  }
  if (places.size === 0) return undefined;
  return { document: rewrite(document, places), placeIds: idsOf() };
}

function endpointsOf(document: Document): Document {
  const { NetworkingConfig: networking } = document;
  const endpoints = isRecord(networking) ? networking['EndpointsConfig'] : undefined;
  return isRecord(endpoints) ? endpoints : {};
}

function networksOf(document: Document): readonly string[] {
  const { HostConfig: host } = document;
  const mode = isRecord(host) && typeof host['NetworkMode'] === 'string' ? host['NetworkMode'] : '';
  const names = [mode, ...Object.keys(endpointsOf(document))];
  return [...new Set(names)].filter(
    (name) => !engineNetworks.has(name) && !name.startsWith('container:'),
  );
}

/**
 * Undefined for a network of the machine's own, which comes first, and for one that nobody has: the
 * engine says so.
 *
 * @throws TuttiError in Swarm's words where the cluster gives no place.
 */
export async function askForPlace(
  context: DaemonContext,
  ask: { readonly name: string; readonly endpoint: unknown; readonly signal: AbortSignal },
): Promise<GrantedPlace | undefined> {
  const { name, endpoint, signal } = ask;
  if (await isLocal(context, { name, signal })) return undefined;
  const address = addressOf(endpoint, 'IPv4Address');
  const ipv6Address = addressOf(endpoint, 'IPv6Address');
  if (ipv6Address !== undefined) {
    throw new TuttiError(
      'invalid-argument',
      `IPAMConfig.IPv6Address: ${ipv6Address} cannot be chosen on network ${name}; leave it out: ` +
        'it goes with the IPv4 address',
      { field: 'IPAMConfig.IPv6Address' },
    );
  }
  try {
    return await context.attachments.attach({
      network: name,
      signal,
      ...(address !== undefined && { address }),
    });
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code === 'cancelled' || error.code === 'internal') throw error;
    if (error.code === 'unavailable') throw error;
    const { message } = swarmError(error.code, sentenceOf(error));
    throw new TuttiError(error.code, `Could not attach to network ${name}: ${message}`);
  }
}

async function isLocal(
  context: DaemonContext,
  of: { readonly name: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const { name: reference, signal } = of;
  try {
    const local = await findLocalNetwork(context, { version: newestApi, signal, reference });
    return local !== undefined;
  } catch (reason) {
    const error = TuttiError.from(reason);
    // The engine is away, as who asked is told next.
    if (error.code === 'unavailable') return true;
    throw error;
  }
}

function addressOf(endpoint: unknown, kind: 'IPv4Address' | 'IPv6Address'): string | undefined {
  const settings = isRecord(endpoint) ? endpoint['IPAMConfig'] : undefined;
  const address = isRecord(settings) ? settings[kind] : undefined;
  return typeof address === 'string' && address !== '' ? address : undefined;
}

/** What the engine is told of a container's place, with what the client says besides. */
export function endpointAt(place: GrantedPlace, endpoint: unknown): object {
  const said = isRecord(endpoint) ? endpoint : {};
  const settings = isRecord(said['IPAMConfig']) ? said['IPAMConfig'] : {};
  const { address, ipv6Address } = place;
  const ipv6 = ipv6Address === undefined ? {} : { IPv6Address: ipv6Address };
  return { ...said, IPAMConfig: { ...settings, IPv4Address: address, ...ipv6 } };
}

function rewrite(document: Document, places: ReadonlyMap<string, GrantedPlace>): object {
  const host = isRecord(document['HostConfig']) ? document['HostConfig'] : {};
  const networking = isRecord(document['NetworkingConfig']) ? document['NetworkingConfig'] : {};
  const endpoints = endpointsOf(document);
  const mode = typeof host['NetworkMode'] === 'string' ? host['NetworkMode'] : '';
  const own = Array.isArray(host['Dns']) ? (host['Dns'] as readonly unknown[]) : [];
  const gateways = [...places.values()].map(({ gateway }) => gateway);
  const others = Object.entries(endpoints).filter(([name]) => !places.has(name));
  const placed = [...places].map(
    ([name, place]) => [place.engineName, endpointAt(place, endpoints[name])] as const,
  );
  return {
    ...document,
    HostConfig: {
      ...host,
      NetworkMode: places.get(mode)?.engineName ?? mode,
      Dns: [...gateways, ...own],
    },
    NetworkingConfig: {
      ...networking,
      EndpointsConfig: Object.fromEntries([...others, ...placed]),
    },
  };
}
