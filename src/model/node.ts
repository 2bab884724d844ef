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
  readonly engineLabels: Labels;
  readonly plugins: readonly { readonly type: string; readonly name: string }[];
  /** Subnets that the machine has of its own, which networks must avoid: `192.168.1.0/24`. */
  readonly hostSubnets: readonly string[];
  readonly address: string;
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
