import type { NodeAvailability } from '../model/node.ts';
import type { KnownManager } from '../model/known-manager.ts';

/** Whether this machine is a node of a cluster that other machines manage. */
export type MembershipState =
  /** It is not; its own manager may make a cluster. */
  | { readonly kind: 'fresh' }
  | {
      readonly kind: 'joining';
      readonly addresses: readonly string[];
      /** What kept it from joining so far; empty: nothing yet. */
      readonly trouble: string;
    }
  | {
      /** `manager`: beside others; its own manager process knows more. */
      readonly kind: 'worker' | 'manager';
      readonly nodeId: string;
      readonly clusterId: string;
      readonly address: string;
      readonly managers: readonly KnownManager[];
      /** Why it has no session with a manager; empty: it has one, or is about to. */
      readonly trouble: string;
    };

export interface JoinRequest {
  readonly token: string;
  /** `host:port`, in the order in which they are asked. */
  readonly addresses: readonly string[];
  readonly availability: NodeAvailability;
  /** The address of this node that a person chose; else it is the one that managers see. */
  readonly advertiseAddress?: string;
  /** Where it listens once it is a manager: `host:port`; absent: on all its addresses. */
  readonly listenAddress?: string;
}

/** What the daemon's API may do with the membership. */
export interface NodeMembership {
  readonly state: MembershipState;
  /**
   * Resolves when this machine is a node of the cluster. The attempt goes on when `signal` aborts.
   *
   * @throws TuttiError what the cluster said, or `unavailable` after 20 s, while the attempt goes
   *   on.
   */
  join(request: JoinRequest): Promise<void>;
  /** Whether it is in a cluster, and none of the managers that it knows speaks with it. */
  readonly isLost: boolean;
  /**
   * Where a manager of its cluster is found, for a node that is lost.
   *
   * @throws TuttiError where the token is of another cluster; `unavailable` as `join`.
   */
  findAgain(request: Pick<JoinRequest, 'token' | 'addresses'>): Promise<void>;
  /**
   * Ends an attempt to join, or the membership with everything that the cluster runs here. A
   * manager ceases to be one first.
   *
   * @throws TuttiError the reason why the managers need this one.
   */
  leave(): Promise<void>;
}
