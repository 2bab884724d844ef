import type { TaskStatus } from '../manager/control-plane.ts';
import type { ReasonCode } from '../model/reason.ts';

/**
 * Reasons that Swarm shows as an error too. The others (waiting, pulling, starting, ending as told)
 * are states of a healthy task, whose error column stays empty; `tutti why task` has them all.
 */
const shownAsErrors: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
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
  'node-unreachable',
  'image-missing',
  'image-pull-failed',
  'network-failed',
  'mount-missing',
  'create-failed',
  'start-failed',
  'container-engine-unavailable',
  'retrying',
  'exited-with-error',
  'out-of-memory',
  'unhealthy',
  'container-lost',
  'node-removed',
]);

/**
 * Swarm's own words where it has a fixed sentence, else the reason's; undefined where Swarm shows
 * none.
 */
export function errorOf(status: TaskStatus, image: string): string | undefined {
  const { reason, task } = status;
  if (reason === undefined || !shownAsErrors.has(reason.code)) return undefined;
  // What was stopped on purpose did not fail, whatever its exit code.
  if (status.state === 'shutdown' || status.state === 'complete') return undefined;
  const exitCode = task.end?.exitCode ?? status.observed?.exitCode;
  if (reason.code === 'image-missing') return `No such image: ${image}`;
  if (reason.code === 'start-failed') return `starting container failed: ${reason.message}`;
  if (exitCode === undefined) return reason.message;
  if (reason.code === 'exited-with-error') return `task: non-zero exit (${exitCode})`;
  if (reason.code === 'unhealthy') {
    return `task: non-zero exit (${exitCode}): dockerexec: unhealthy container`;
  }
  return reason.message;
}
