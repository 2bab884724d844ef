/** What one node with so many services took, in milliseconds. */
export interface ScaleRun {
  readonly services: number;
  /** From when it is told of all of them until the kernel has them. */
  readonly loadMs: number;
  /** The same until names can be looked up without waiting for the tables to be made. */
  readonly namesMs: number;
  /** Processor time of both, of the programs that were started too. */
  readonly loadProcessorMs: number;
  /** The same of one change, the mean of all. */
  readonly changeProcessorMs: number;
  /** One back end of one service leaves, or comes back. */
  readonly changeMs: readonly number[];
  /** A new connection to a virtual address. */
  readonly connectMs: readonly number[];
}
