import type { NodeAvailability } from '../model/node.ts';
import type { KnownManager } from '../wire/authority-calls.ts';

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
      readonly kind: 'worker';
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
  /** Ends an attempt to join, or the membership with everything that the cluster runs here. */
  leave(): Promise<void>;
}
