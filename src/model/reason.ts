import type { Instant } from './instant.ts';

/**
 * Why a task is not running: a closed set, for programs. New causes get a code of their own here.
 */
export const reasonCodes = [
  // before placement
  'awaiting-placement',
  'no-suitable-node',
  'no-node-ready',
  'constraint-unmet',
  'insufficient-resources',
  'host-port-in-use',
  'published-port-in-use',
  'max-replicas-per-node',
  'platform-mismatch',
  'encryption-missing',
  'network-missing',
  'addresses-exhausted',
  'address-in-use',
  'secret-missing',
  'config-missing',
  'secret-unavailable',
  'waiting-for-dependency',
  'waiting-to-restart',
  'waiting-for-predecessor',
  'update-in-progress',
  // on the node
  'awaiting-node',
  'node-unreachable',
  'pulling-image',
  'image-missing',
  'image-pull-failed',
  'preparing-network',
  'network-failed',
  'mount-missing',
  'creating-container',
  'create-failed',
  'starting-container',
  'start-failed',
  'waiting-for-health',
  'container-engine-unavailable',
  'retrying',
  // ends
  'exited',
  'exited-with-error',
  'out-of-memory',
  'unhealthy',
  'container-lost',
  'stopping',
  'stopped',
  'superseded',
  'scaled-down',
  'service-removed',
  'node-drained',
  'node-down',
  'fenced',
  'node-removed',
  'restart-attempts-exhausted',
] as const;

export type ReasonCode = (typeof reasonCodes)[number];

/** The answer to "why is it not running?" that every such task carries. */
export interface Reason {
  readonly code: ReasonCode;
  /** One sentence for a person: what happened, with which value. */
  readonly message: string;
  /** What the person can do, where there is something to do. */
  readonly hint?: string;
  /** Since when, by the manager's clock (or the agent's, while it is the agent's to say). */
  readonly since: Instant;
}
