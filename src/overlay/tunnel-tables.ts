import type { Tunnel, TunnelPeer } from './tunnels.ts';

/** What the kernel, or the program in its place, has of a tunnel. */
export interface TunnelState {
  readonly publicKey: string;
  readonly port: number;
  readonly peers: ReadonlyMap<string, KnownPeer>;
}

interface KnownPeer extends TunnelPeer {
  /** Seconds since 1970; 0: never. */
  readonly handshakeAt: number;
}

const noneOf = '(none)';
const keepaliveSeconds = '25';

/** `wg show <device> dump`: a line for the device, and one for each peer, in tabs. */
export function parseTunnel(dump: string): TunnelState | undefined {
  const [first, ...others] = dump.split('\n').filter((line) => line !== '');
  if (first === undefined) return undefined;
  const [, publicKey = '', port = ''] = first.split('\t');
  const peers = others.map((line): readonly [string, KnownPeer] => {
    const [key = '', , endpoint = '', allowed = '', handshakeAt = ''] = line.split('\t');
    const address = allowed === noneOf ? undefined : allowed.replace(/\/32$/, '');
    return [key, { endpoint, address, handshakeAt: Number(handshakeAt) }];
  });
  return { publicKey, port: Number(port), peers: new Map(peers) };
}

/** What `wg set` has to be told about a tunnel. */
export interface TunnelOrder {
  /** The private key has to be given, too. */
  readonly isKeyOther: boolean;
  readonly parameters: readonly string[];
}

/**
 * What turns the one into the other; undefined: nothing differs. Where a peer that stays is found
 * is told only where the one before it knows better: it may have moved meanwhile, and whoever has
 * its key has proved where it is.
 *
 * @param shown The tunnel as it was asked for last; undefined: not since this process began.
 */
export function tunnelOrder(
  found: TunnelState,
  of: { readonly wanted: Tunnel; readonly shown: Tunnel | undefined },
): TunnelOrder | undefined {
  const { wanted, shown } = of;
  const parameters: string[] = [];
  if (found.port !== wanted.port) parameters.push('listen-port', String(wanted.port));
  for (const key of found.peers.keys()) {
    if (!wanted.peers.has(key)) parameters.push('peer', key, 'remove');
  }
  for (const [key, { endpoint, address }] of wanted.peers) {
    const known = found.peers.get(key);
    const isPlaceKnown = known !== undefined && shown?.peers.get(key)?.endpoint === endpoint;
    const place = isPlaceKnown || known?.endpoint === endpoint ? [] : ['endpoint', endpoint];
    const isCarrying = known !== undefined && known.address === address;
    const carried = isCarrying ? [] : carriedBy(address);
    if (known === undefined || place.length + carried.length > 0) {
      parameters.push('peer', key, ...place, ...carried);
    }
  }
  const isKeyOther = found.publicKey !== wanted.publicKey;
  return isKeyOther || parameters.length > 0 ? { isKeyOther, parameters } : undefined;
}

/**
 * Whoever is told of the other last begins to speak at once, so that nobody waits for the one who
 * spoke too early to try again (5 s).
 */
function carriedBy(address: string | undefined): readonly string[] {
  if (address === undefined) return ['allowed-ips', '', 'persistent-keepalive', '0'];
  return ['allowed-ips', `${address}/32`, 'persistent-keepalive', keepaliveSeconds];
}

/**
 * Keys that were to come and are in use: whoever made a handshake with one after the last with the
 * key before it has changed to it.
 */
export function keysInUse(
  { peers }: TunnelState,
  ends: Iterable<{ readonly publicKey: string; readonly nextPublicKey?: string }>,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { publicKey, nextPublicKey } of ends) {
    const before = peers.get(publicKey)?.handshakeAt ?? 0;
    const after = peers.get(nextPublicKey ?? '')?.handshakeAt ?? 0;
    if (nextPublicKey !== undefined && after > before) found.add(nextPublicKey);
  }
  return found;
}
