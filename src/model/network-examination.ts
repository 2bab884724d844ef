import type { Instant } from './instant.ts';

/** Another node that takes part in an examination. */
export interface ExaminedPeer {
  readonly nodeId: string;
  readonly address: string;
  /** From 1: its place among those that take part. */
  readonly place: number;
}

/** A published TCP port that leads to a ready task. */
export interface ExaminedPort {
  readonly port: number;
  readonly service: string;
}

/** What a node is to look at. */
export interface ExaminationOrder {
  /** This node; absent: it is in no cluster. */
  readonly self?: ExaminedPeer;
  readonly peers: readonly ExaminedPeer[];
  readonly ports: readonly ExaminedPort[];
  /** UDP, of the networks between nodes. */
  readonly dataPathPort: number;
}

/** What passed from this node to another one, and back. */
export interface PathObservation {
  readonly nodeId: string;
  /** Small packets, and the answers that came. */
  readonly sent: number;
  readonly answered: number;
  /** Median. */
  readonly roundTripMs?: number;
  /** Whether packets as large as those of containers were answered. */
  readonly full: boolean;
  /** The largest packet of the fabric that passed whole; absent: none of 550 bytes did. */
  readonly largestBytes?: number;
}

/** What passes between nodes, by the port of the networks. */
export type DataPathObservation =
  | { readonly kind: 'not-asked' }
  | { readonly kind: 'failed'; readonly message: string }
  | {
      readonly kind: 'seen';
      /** Of a container's packet of full size. */
      readonly fullBytes: number;
      readonly paths: readonly PathObservation[];
      /** Node ids: something of theirs arrived here. */
      readonly heard: readonly string[];
    };

/** `refused`, or nothing at all within the time. */
export type KnockOutcome = 'taken' | 'refused' | 'silent';

export interface PortObservation {
  /** Of the node that was asked, this one among them. */
  readonly nodeId: string;
  readonly port: number;
  readonly service: string;
  readonly outcome: KnockOutcome;
}

export type NameOutcome =
  | { readonly kind: 'answered'; readonly addresses: readonly string[]; readonly tookMs: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'failed'; readonly message: string };

/** A name, as a task of the node got it. */
export interface NameObservation {
  readonly network: string;
  readonly task: string;
  readonly name: string;
  /** The gateway of the network, where it was asked. */
  readonly server: string;
  readonly outcome: NameOutcome;
}

/** Something of the kernel that somebody else changed. */
export interface KernelRepair {
  readonly what: string;
  readonly agoMs: number;
}

export interface KernelObservation {
  /** Differences that this look found. */
  readonly differences: readonly string[];
  /** Why they could not be repaired, or could not be looked for. */
  readonly failure?: string;
  /** Those of the last hour that were found before. */
  readonly repairs: readonly KernelRepair[];
  /** Whether bridged packets passed the packet filter before this look. */
  readonly bridgeFilter: 'on' | 'off' | 'missing';
}

/** A chain on a hook of the kernel that drops what no rule accepts. */
export interface DropPolicy {
  /** `ip filter`. */
  readonly table: string;
  readonly chain: string;
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
}

/** What a node saw when it looked at its network. */
export interface NodeExamination {
  /** By the node's clock, when it had seen all. */
  readonly at: Instant;
  /** Of the link to the other nodes. */
  readonly linkMtu: number;
  readonly dataPath: DataPathObservation;
  readonly ports: readonly PortObservation[];
  readonly names: readonly NameObservation[];
  readonly kernel: KernelObservation;
  readonly dropPolicies: readonly DropPolicy[];
}

/** One node of an examination, with what it said, or why it said nothing. */
export interface ExaminedNode {
  readonly nodeId: string;
  readonly hostname: string;
  readonly address: string;
  readonly outcome:
    | {
        readonly kind: 'examined';
        readonly examination: NodeExamination;
        /** When it came, by the clock of who asked. */
        readonly receivedAt: Instant;
      }
    | { readonly kind: 'failed'; readonly message: string; readonly hint?: string };
}

/** All that was seen, for whoever judges. */
export interface ClusterExamination {
  /** `node`: by one node alone, without a manager. */
  readonly scope: 'cluster' | 'node';
  readonly nodes: readonly ExaminedNode[];
  readonly dataPathPort: number;
  /** What was left out because there was too much of it, in sentences. */
  readonly leftOut: readonly string[];
}

/** How far an examination is, and in the end what it saw. */
export type ExaminationStep =
  | { readonly kind: 'progress'; readonly asked: number; readonly waitingFor: readonly string[] }
  | { readonly kind: 'seen'; readonly examination: ClusterExamination };
