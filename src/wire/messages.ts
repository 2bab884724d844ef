import type { LifeAccess } from '../model/life.ts';
import type { ErrorCode } from '../lib/error.ts';
import type { AttachedContainer, AttachmentReport } from '../model/attachment.ts';
import type { NodeViewChange } from '../model/assignment.ts';
import type { KnownManager } from '../model/known-manager.ts';
import type { LogFrame, LogQuery } from '../model/log.ts';
import type { ExaminationOrder, NodeExamination } from '../model/network-examination.ts';
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
      /** Absent: the agent could not look yet. */
      readonly attachments?: AttachmentReport;
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
  /** Names, virtual addresses and ports are as the `assign` with this `confirm` said. */
  | { readonly kind: 'shown'; readonly confirm: number }
  | { readonly kind: 'description'; readonly description: NodeDescription }
  /**
   * `life`: the number of a sign of life, to be answered; they rise while the agent runs. `known`:
   * the agent knows every `assign` up to that sequence, also after a restart.
   */
  | {
      readonly kind: 'beat';
      readonly sentAt: number;
      readonly life?: number;
      readonly known?: number;
    }
  /**
   * A place on a network is asked for; see `AttachmentRequest`. Answered by `attached`, but not by
   * managers that do not know it.
   */
  | {
      readonly kind: 'attach';
      readonly id: string;
      readonly network: string;
      readonly address?: string;
    }
  /** All containers that are no tasks and on networks of the cluster; answered by `noted`. */
  | { readonly kind: 'attachments'; readonly report: AttachmentReport }
  /** What the node saw of its network, or why it could not look. */
  | {
      readonly kind: 'examined';
      readonly requestId: string;
      readonly examination?: NodeExamination;
      readonly failure?: string;
    }
  /**
   * The daemon ends in order, and says nothing more. `returns`: the next one is there soon; else
   * the machine goes down.
   */
  | { readonly kind: 'farewell'; readonly returns: boolean }
  /** Nothing of the cluster is left on the node; the last message of a session. */
  | { readonly kind: 'left' };

export type ManagerMessage =
  | {
      readonly kind: 'assign';
      readonly clusterId: string;
      /** Of the leader that says it: a node obeys none that is lower than one before. */
      readonly epoch?: number;
      /** Rises with each message of one session; a gap means: reconnect. */
      readonly sequence: number;
      /** True: `changes` holds only puts and replaces everything known before. */
      readonly full: boolean;
      readonly changes: readonly NodeViewChange[];
      /** To be answered by `shown`; rises within a session. */
      readonly confirm?: number;
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
  /** Look at the network, and answer other nodes that do, until `cancel` or for 20 s. */
  | { readonly kind: 'examine'; readonly requestId: string; readonly order: ExaminationOrder }
  | { readonly kind: 'cancel'; readonly requestId: string }
  /** All managers, when a session begins and when that changed; never said by an only one. */
  | { readonly kind: 'managers'; readonly managers: readonly KnownManager[] }
  /** How many nodes the cluster has, when a session begins and when that changed. */
  | { readonly kind: 'nodes'; readonly count: number }
  /**
   * The node left the cluster: remove everything that is the cluster's, forget the node's identity,
   * and say `left` when all of it is gone (the manager waits for that, within a bound). Also said
   * to a node that is in another cluster than its manager, or in one that is no more.
   */
  | { readonly kind: 'leave' }
  /** The place that was asked for, or why there is none. */
  | {
      readonly kind: 'attached';
      readonly id: string;
      readonly place?: { readonly networkId: string; readonly address: string };
      readonly refusal?: Refusal;
    }
  /**
   * A report was taken; `refused`: containers whose addresses are others', to be taken off their
   * networks before anything else that follows.
   */
  | {
      readonly kind: 'noted';
      readonly number: number;
      readonly refused: readonly AttachedContainer[];
    }
  /** The node's role or the root changed: it renews its certificate, after that time. */
  | { readonly kind: 'renew'; readonly delayMs: number };

/** A TuttiError, as it is said to an agent. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** What an agent uploads on a log stream of its own. */
export type LogMessage =
  | { readonly kind: 'frame'; readonly frame: LogFrame }
  | { readonly kind: 'failed'; readonly message: string };
