import type { LifeAccess } from '../model/life.ts';
import type { NodeViewChange } from '../model/assignment.ts';
import type { LogFrame, LogQuery } from '../model/log.ts';
import type { NodeDescription } from '../model/node.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { StandIn } from '../model/stand-in.ts';
import type { ObservedTask } from '../model/task.ts';

/**
 * What agent and manager say to each other over a session. The first message of an agent is `hello`
 * with everything that it observes; the first of a manager is `assign` with `full: true`;
 * afterwards both send differences. A manager without a cluster sends beats only, until there is
 * one. Within one
 * `assign` everything that is put refers only to what was put before or comes with it; apply it
 * whole. Ages replace clock times: `since` in an ObservedTask is the sender's clock, and
 * `sentAt` lets the receiver shift it to its own.
 */
export type AgentMessage =
  | {
      readonly kind: 'hello';
      readonly nodeId: string;
      /** The cluster that the node is in by its own word; empty: in none. */
      readonly clusterId: string;
      readonly sentAt: number;
      readonly description: NodeDescription;
      readonly tasks: readonly ObservedTask[];
      /**
       * Tasks that the agent made by itself, those of one place in their order. The first full
       * `assign` that follows says what became of them.
       */
      readonly standIns?: readonly StandIn[];
    }
  | {
      readonly kind: 'observed';
      readonly sentAt: number;
      readonly tasks: readonly ObservedTask[];
      /** Tasks whose containers, addresses and files are gone from the node. */
      readonly gone: readonly string[];
    }
  /** All published ports that the node does not serve; until the first one it serves all. */
  | { readonly kind: 'ports'; readonly problems: readonly PortProblem[] }
  | { readonly kind: 'description'; readonly description: NodeDescription }
  /** `life`: the number of a sign of life, to be answered; they rise while the agent runs. */
  | { readonly kind: 'beat'; readonly sentAt: number; readonly life?: number }
  /** Nothing of the cluster is left on the node; the last message of a session. */
  | { readonly kind: 'left' };

export type ManagerMessage =
  | {
      readonly kind: 'assign';
      readonly clusterId: string;
      /** Rises with each message of one session; a gap means: reconnect. */
      readonly sequence: number;
      /** True: `changes` holds only puts and replaces everything known before. */
      readonly full: boolean;
      readonly changes: readonly NodeViewChange[];
    }
  /**
   * The terms of the node's lease, once when a session begins; see docs/design/liveness.md. Without
   * `datagrams` the session alone says that the node lives.
   */
  | {
      readonly kind: 'lease';
      readonly periodMs: number;
      readonly retryMs: number;
      readonly fencedAfterMs: number;
      readonly datagrams?: LifeAccess;
    }
  /** `periodMs`: how often one comes at least. `answers`: the sign of life that was heard. */
  | {
      readonly kind: 'beat';
      readonly sentAt: number;
      readonly periodMs?: number;
      readonly answers?: number;
    }
  | {
      readonly kind: 'logs';
      readonly requestId: string;
      readonly taskId: string;
      readonly query: LogQuery;
    }
  | { readonly kind: 'cancel'; readonly requestId: string }
  /**
   * The node left the cluster: remove everything that is the cluster's, forget the node's identity,
   * and say `left` when all of it is gone (the manager waits for that, within a bound). Also said
   * to a node that is in another cluster than its manager, or in one that is no more.
   */
  | { readonly kind: 'leave' }
  /** The node's role or the root changed: it renews its certificate, after that time. */
  | { readonly kind: 'renew'; readonly delayMs: number };

/** What an agent uploads on a log stream of its own. */
export type LogMessage =
  | { readonly kind: 'frame'; readonly frame: LogFrame }
  | { readonly kind: 'failed'; readonly message: string };
