import type { NodeEncryption } from './encryption.ts';
import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';

export type NodeRole = 'manager' | 'worker';
export type NodeAvailability = 'active' | 'pause' | 'drain';

export interface NodeSpec {
  readonly name?: string;
  readonly role: NodeRole;
  readonly availability: NodeAvailability;
  readonly labels: Labels;
}

/** What an agent says of its machine when it connects and when that changes. */
export interface NodeDescription {
  readonly hostname: string;
  readonly os: string;
  /** As the engine says it: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  /** Of Tutti; absent: one that did not say it. */
  readonly programVersion?: string;
  readonly engineLabels: Labels;
  readonly plugins: readonly { readonly type: string; readonly name: string }[];
  /** Subnets that the machine has of its own, which networks must avoid: `192.168.1.0/24`. */
  readonly hostSubnets: readonly string[];
  readonly address: string;
  /** Of packets on the link that has the address; absent: a version that does not say it. */
  readonly linkMtu?: number;
  /** A person chose the address; absent: it is one that the machine has. */
  readonly isAddressChosen?: true;
  /** Why the machine cannot be one of several managers; absent: nothing that it knows of. */
  readonly managerObstacle?: string;
  /** It takes callers of published ports with their own address; absent: a program before that. */
  readonly takesCallers?: true;
  /** Absent: a version that encrypts nothing between nodes. */
  readonly encryption?: NodeEncryption;
  /** Tasks that run although no manager knows them, until a person has looked; absent: none. */
  readonly heldTasks?: number;
}

/** `192.168.1.7/24` says both: a subnet, and the machine's address in it. */
export function ownAddressesOf({
  hostSubnets,
}: Pick<NodeDescription, 'hostSubnets'>): readonly string[] {
  return hostSubnets.map((text) => text.replace(/\/.*$/, ''));
}

/** What to do about tasks that a node keeps; undefined: it keeps none. */
export function heldText({ heldTasks = 0 }: NodeDescription): string | undefined {
  if (heldTasks === 0) return undefined;
  return (
    `${heldTasks} tasks run there that no manager knows, as after a restore from an older backup; ` +
    'they are kept until `tutti node accept` is run on that machine, which removes them'
  );
}

/** Where a manager is found. */
export interface ManagerSeat {
  /** `host:port` of its cluster port, TCP and UDP. */
  readonly address: string;
  /** `https://host:2380`: what the other members of etcd know it by. */
  readonly peerUrl: string;
}

/** A node row. Whether it is ready is observed, not stored. */
export interface Node {
  readonly id: string;
  /** Store revision of the last change of what a person declared; guards read-modify-write. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly spec: NodeSpec;
  readonly description: NodeDescription;
  /**
   * SHA-256 of the node's public key (SPKI, DER), base64url. Absent: no certificate speaks for this
   * node, because it is on its manager's own machine.
   */
  readonly keyDigest?: string;
  /** It said that it leaves: nothing is waited for, and whoever comes back has another id. */
  readonly leftAt?: Instant;
  /** It was a manager that a recovery went on without: it is not waited for. */
  readonly givenUp?: true;
  /** Of a manager that is a member of etcd; see docs/design/managers.md. */
  readonly seat?: ManagerSeat;
}

export type NodeState = 'unknown' | 'ready' | 'unreachable' | 'down' | 'disconnected';

export interface ObservedNode {
  readonly nodeId: string;
  readonly state: NodeState;
  readonly since: Instant;
  readonly message: string;
  /** Of a node that is down: it must have stopped its fenced tasks by now. */
  readonly fenced?: boolean;
}
