import { formatHostPort, parseHostPort } from '../lib/host-port.ts';
import type { View } from '../store/view.ts';
import type { KnownManager } from '../model/known-manager.ts';
import { theCluster } from './cluster-row.ts';
import { soleManager } from './nodes.ts';

/** The managers of a cluster that has several, or had: those with a seat, by their ids. */
export function knownManagers(view: Pick<View, 'nodes'>): readonly KnownManager[] {
  return [...view.nodes.all()]
    .flatMap(({ id, seat }) => (seat === undefined ? [] : [{ nodeId: id, address: seat.address }]))
    .toSorted((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
}

/** What nodes are told: those with a seat; before there is any, the only manager. */
export function managersToTell(view: Pick<View, 'clusters' | 'nodes'>): readonly KnownManager[] {
  const seated = knownManagers(view);
  const address = parseHostPort(theCluster(view)?.advertiseAddress ?? '');
  const nodeId = soleManager(view);
  if (seated.length > 0 || address === undefined || nodeId === undefined) return seated;
  return [{ nodeId, address: formatHostPort(address) }];
}
