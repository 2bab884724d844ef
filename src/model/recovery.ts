/** A manager, as one sees it that may have to go on without it. */
export interface ManagerOutlook {
  readonly nodeId: string;
  /** Absent: the rows cannot be read here. */
  readonly hostname?: string;
  /** `host:port` of its cluster port. */
  readonly address: string;
  readonly isSelf: boolean;
  readonly answers: boolean;
}

/** What a recovery of the cluster on this manager would begin from. */
export interface RecoveryOutlook {
  readonly clusterId: string;
  /** Of the manager that was asked. */
  readonly nodeId: string;
  readonly managers: readonly ManagerOutlook[];
  /** Of the last change that is known here; absent: the rows cannot be read here. */
  readonly revision?: number;
  /** Why it must not be recovered. */
  readonly refusal?: { readonly message: string; readonly hint: string };
}

/** What was asked for, kept with the seat of a manager until it is done. */
export interface RecoveryOrder {
  /** Ids of managers that did not answer when it was asked for. */
  readonly lost: readonly string[];
}

/**
 * What was committed after a backup, or by managers that are lost, is lost; but its numbers were
 * told to others: who goes on without it counts on from well above them.
 */
export const skippedNumbers = { epochs: 1_000, revisions: 1_000_000 } as const;
