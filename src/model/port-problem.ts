/** A published port that a node does not serve, and why. */
export interface PortProblem {
  readonly serviceId: string;
  readonly protocol: string;
  readonly publishedPort: number;
  readonly message: string;
}
