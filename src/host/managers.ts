/** What one manager asks of another, as JSON both ways; see `accessOfCalls`. */
export type ManagerCall =
  | 'manager.member'
  | 'manager.sealing-key'
  | 'manager.admit'
  | 'manager.left';

/** Answers such a call of the manager of another node. What it throws is said to the caller. */
export type ManagerCallHandler = (
  body: unknown,
  from: { readonly nodeId: string },
) => Promise<object>;

/** The managers of a cluster, as one of them sees them. */
export interface Managers {
  /** The node of this manager, once there is a cluster. */
  readonly nodeId: string | undefined;
  /** Undefined: nobody leads, as far as is known here. */
  readonly leaderId: string | undefined;
  /** Whether that manager answers this one, which answers itself. */
  isReachable(nodeId: string): boolean;
  /**
   * Asks the leader or one manager; at most 1 MiB each way, and 10 s.
   *
   * @throws TuttiError `unavailable` where nobody could be asked, or what the other side threw.
   */
  call(
    to: 'leader' | { readonly nodeId: string },
    call: ManagerCall,
    body: object,
  ): Promise<object>;
}
