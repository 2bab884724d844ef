import { formatHostPort, parseHostPort } from '../lib/host-port.ts';
import { type Node, type NodeDescription, ownAddressesOf } from '../model/node.ts';
import type { Transaction } from '../store/view.ts';
import { theCluster } from './cluster-row.ts';

/**
 * The only manager of a cluster is found at the address that its machine has by now, once the one
 * that was advertised is gone from it.
 */
export function followSoleAddress(
  tx: Transaction,
  of: {
    /** Of the node that speaks, as it was. */
    readonly row: Node;
    readonly after: NodeDescription;
  },
): void {
  const { row, after } = of;
  const cluster = theCluster(tx);
  // Who has neither seat nor certificate is on the machine of the only manager.
  const isSole = row.spec.role === 'manager' && row.seat === undefined;
  if (cluster === undefined || !isSole || row.keyDigest !== undefined) return;
  const advertised = parseHostPort(cluster.advertiseAddress);
  if (advertised === undefined) return;
  const host = nextAddress(advertised.host, { before: row.description, after });
  if (host === undefined || host === advertised.host) return;
  const hadPort = cluster.advertiseAddress !== advertised.host;
  const advertiseAddress = hadPort ? formatHostPort({ ...advertised, host }) : host;
  tx.clusters.put({ ...cluster, advertiseAddress });
}

/** Undefined: it is found where it was, as far as can be told. */
function nextAddress(
  advertised: string,
  said: { readonly before: NodeDescription; readonly after: NodeDescription },
): string | undefined {
  const { before, after } = said;
  if (after.isAddressChosen === true) return after.address;
  const had = ownAddressesOf(before);
  const has = ownAddressesOf(after);
  // An address that the machine never had is a person's word.
  if (!had.includes(advertised) || has.includes(advertised)) return undefined;
  const fresh = has.filter((address) => !had.includes(address));
  if (fresh.length === 1) return fresh[0];
  return has.includes(after.address) ? after.address : undefined;
}
