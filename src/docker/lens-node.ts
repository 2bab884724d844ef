import type { Managers } from '../host/managers.ts';
import type { Cluster } from '../model/cluster.ts';
import { heldText, type Node, type NodeState, type ObservedNode } from '../model/node.ts';
import type { Root } from '../model/root.ts';
import { goTime } from './go-time.ts';
import { showTls } from './lens-tls.ts';
import { unlessEmpty, unlessZero } from './omit-empty.ts';

/**
 * The port that `docker swarm join` would be told; nothing listens there while there is one node.
 */
const clusterPort = 2377;

export interface NodeParts {
  readonly node: Node;
  readonly observed: ObservedNode | undefined;
  readonly cluster: Cluster;
  readonly roots: readonly Root[];
  readonly managers: Managers;
}

/** A node as Docker's JSON, keys in the order of Go's structs (moby api/types/swarm/node.go). */
export function showNode(parts: NodeParts): object {
  const { node, observed, roots, managers } = parts;
  const { description } = node;
  const isLeader = node.id === managers.leaderId;
  const seat = seatOf(parts);
  return {
    ID: node.id,
    Version: { Index: node.version },
    CreatedAt: goTime(node.createdAt),
    UpdatedAt: goTime(node.updatedAt),
    Spec: {
      Name: node.spec.name,
      Labels: node.spec.labels,
      Role: node.spec.role,
      Availability: node.spec.availability,
    },
    Description: {
      Hostname: description.hostname,
      Platform: { Architecture: description.architecture, OS: description.os },
      Resources: { NanoCPUs: description.nanoCpus, MemoryBytes: description.memoryBytes },
      Engine: {
        EngineVersion: description.engineVersion,
        Labels: unlessEmpty(description.engineLabels),
        Plugins: unlessEmpty(showPlugins(node)),
      },
      TLSInfo: showTls(roots),
    },
    Status: {
      State: stateName(observed?.state ?? 'unknown'),
      Message: unlessZero(messageOf(parts)),
      Addr: seat === undefined ? description.address : hostOf(seat),
    },
    ManagerStatus:
      seat === undefined
        ? undefined
        : {
            Leader: unlessZero(isLeader),
            Reachability: managers.isReachable(node.id) ? 'reachable' : 'unreachable',
            Addr: seat,
          },
  };
}

/** Where its manager is; undefined: it has none, or none yet. */
function seatOf({ node, cluster, managers }: NodeParts): string | undefined {
  if (node.seat !== undefined) return node.seat.address;
  return node.id === managers.nodeId ? withPort(cluster.advertiseAddress) : undefined;
}

function showPlugins(node: Node): readonly object[] {
  return node.description.plugins
    .toSorted((left, right) => compare(left.type, right.type) || compare(left.name, right.name))
    .map((plugin) => ({ Type: plugin.type, Name: plugin.name }));
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** Docker knows no "unreachable": until a node counts as down, nothing is known of it. */
function stateName(state: NodeState): string {
  return state === 'unreachable' ? 'unknown' : state;
}

/** `10.0.0.1` or `10.0.0.1:2377`, as the advertised address was given. */
export function withPort(address: string): string {
  return hasPort(address)
    ? address
    : `${address.includes(':') ? `[${address}]` : address}:${clusterPort}`;
}

export function hostOf(address: string): string {
  return hasPort(address) ? address.slice(0, address.lastIndexOf(':')) : address;
}

function hasPort(address: string): boolean {
  return /^(?:[^:]+|\[[^\]]+\]):\d+$/.test(address);
}

function messageOf({ node, observed }: NodeParts): string {
  if (observed?.state === 'ready') return heldText(node.description) ?? '';
  return observed?.message ?? '';
}
