import type { ManagerSeat } from '../model/node.ts';
import type { CertificateAnswer } from '../wire/authority-calls.ts';
import type { NodeIdentity } from './node-identity.ts';

/** A member of a store that several managers share. */
export interface StoreMember {
  readonly id: string;
  /** The node that it is beside; empty until it has started for the first time. */
  readonly name: string;
  readonly peerUrl: string;
  /** It receives all and does not vote yet. */
  readonly isLearner: boolean;
}

/** Changes members; each is done at most once, and what it throws is a TuttiError. */
export interface StoreMembers {
  list(): Promise<readonly StoreMember[]>;
  /** As a learner. */
  add(peerUrl: string): Promise<void>;
  /** @throws TuttiError also while it is not in step. */
  giveVote(memberId: string): Promise<void>;
  remove(memberId: string): Promise<void>;
  move(memberId: string, peerUrl: string): Promise<void>;
}

/** What the machine of a manager does when managers come and go. */
export interface SeatHost {
  /** Undefined: the store is on SQLite, of which this is the only manager. */
  readonly members: StoreMembers | undefined;
  /** What keeps this machine from being one of several managers, in a sentence. */
  obstacle(): Promise<string | undefined>;
  /** The cluster's, in base64: for a manager that was let in. Never to be logged. */
  sealingKey(): Promise<string>;
  /** Keeps what this node is by from the next life on; gives the digest of its key. */
  keep(identity: NodeIdentity): Promise<string>;
  /** Moves the store from SQLite to etcd, which ends this process. */
  moveStore(to: {
    readonly nodeId: string;
    readonly clusterId: string;
    readonly listenAddress: string;
    readonly seat: ManagerSeat;
  }): Promise<never>;
}

/** The way of a node to its seat, on its own machine; see docs/design/managers.md, B. */
export interface NodeSeat {
  /** Whether this machine's manager has, or had, a store that it shares. */
  isTaken(): Promise<boolean>;
  obstacle(): Promise<string | undefined>;
  /** Everything that a manager process needs; durable, the marker last. */
  take(given: {
    readonly identity: NodeIdentity;
    readonly clusterId: string;
    readonly seat: ManagerSeat;
    readonly firstMembers: readonly { readonly name: string; readonly peerUrl: string }[];
    readonly sealingKey: string;
  }): Promise<void>;
  /**
   * A certificate from the manager of this machine, whose own has ended.
   *
   * @throws TuttiError what it said, or `unavailable`.
   */
  renew(request: string, signal: AbortSignal): Promise<CertificateAnswer>;
  /** The node has another certificate: so has its member of the store. */
  renewed(identity: NodeIdentity): Promise<void>;
  /**
   * The machine has another address. Says whether the manager listened on the one before alone, so
   * that it has to be started anew.
   */
  readdress(from: string, to: string): Promise<{ readonly isListenerMoved: boolean }>;
  /** Nothing of a manager is left; its process has ended. */
  clear(): Promise<void>;
}
