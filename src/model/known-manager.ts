/** Where a manager is to be found. */
export interface KnownManager {
  readonly nodeId: string;
  /** `192.0.2.1:2377` */
  readonly address: string;
}

/** In one cluster: more of them make each write slower and hardly anything safer. */
export const mostManagers = 7;
