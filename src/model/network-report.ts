/** What can be wrong with the network; closed, for programs. */
export type NetworkFindingCode =
  | 'node-silent'
  | 'data-path'
  | 'unreachable'
  | 'packet-loss'
  | 'full-size-lost'
  | 'small-link'
  | 'links-differ'
  | 'port-unreachable'
  | 'name-unanswered'
  | 'kernel-drift'
  | 'kernel-repaired'
  | 'bridge-filter'
  | 'drop-policy'
  | 'clock-skew'
  | 'left-out';

export interface NetworkFinding {
  readonly code: NetworkFindingCode;
  /** `broken`: does not work now. `repaired`: was wrong, and is not any more. */
  readonly severity: 'broken' | 'warning' | 'repaired';
  /** Node, or `one → another`. */
  readonly subject: string;
  /** A sentence. */
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

/** From one node to another; host names. */
export interface NetworkPair {
  readonly from: string;
  readonly to: string;
  readonly sent: number;
  readonly answered: number;
  readonly roundTripMs?: number;
  readonly largestBytes?: number;
  readonly full: boolean;
}

/** What `tutti doctor net` says. */
export interface NetworkReport {
  /** `node`: what one node sees by itself. */
  readonly scope: 'cluster' | 'node';
  readonly nodes: readonly {
    readonly hostname: string;
    readonly address: string;
    readonly examined: boolean;
    readonly linkMtu?: number;
  }[];
  readonly pairs: readonly NetworkPair[];
  /** Of published ports and of names: how often they were asked. */
  readonly knocks: number;
  readonly lookups: number;
  /** The worst first. */
  readonly findings: readonly NetworkFinding[];
}

/** A line of the stream that a look at the network is. */
export type NetworkReportStep =
  | { readonly kind: 'progress'; readonly asked: number; readonly waitingFor: readonly string[] }
  | { readonly kind: 'report'; readonly report: NetworkReport }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    };
