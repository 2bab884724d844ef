import { unreachable } from '../lib/assert.ts';
import type { Instant } from '../model/instant.ts';
import type { FailureAction, Service, UpdateStatus } from '../model/service.ts';
import { isInProgress, isRollback, updateSettings } from './update-settings.ts';

/**
 * The service after one more task of its update failed: the failure is counted, and where more
 * failed than the update tolerates it is paused or rolled back. Messages are Swarm's (swarmkit
 * manager/orchestrator/update/updater.go), because tools show them.
 */
export function afterFailure(
  service: Service,
  failed: { readonly taskId: string; readonly at: Instant; readonly revision: number },
): Service {
  const { update } = service;
  if (update === undefined || !isInProgress(service)) return service;
  const counted: UpdateStatus = { ...update, failures: update.failures + 1 };
  const { failureAction, maxFailureRatio } = updateSettings(service);
  const isTolerated = counted.failures <= maxFailureRatio * Math.max(counted.slots, 1);
  const action = isTolerated ? 'continue' : possibleAction(service, failureAction);
  switch (action) {
    case 'continue':
      return { ...service, update: counted };
    case 'pause':
      return { ...service, update: paused(service, counted, failed.taskId) };
    case 'rollback':
      return rolledBack(service, {
        at: failed.at,
        revision: failed.revision,
        message: `update rolled back due to failure or early termination of task ${failed.taskId}`,
      });
    default:
      return unreachable(action);
  }
}

/** A rollback cannot be rolled back, and neither can what has no predecessor. */
function possibleAction(service: Service, action: FailureAction): FailureAction {
  const canRollBack = !isRollback(service) && service.previous !== undefined;
  return action === 'rollback' && !canRollBack ? 'pause' : action;
}

function paused(service: Service, update: UpdateStatus, taskId: string): UpdateStatus {
  const what = isRollback(service) ? 'rollback' : 'update';
  return {
    ...update,
    state: isRollback(service) ? 'rollback_paused' : 'paused',
    message: `${what} paused due to failure or early termination of task ${taskId}`,
  };
}

/**
 * The service with the declaration before the current one; a service that has none stays as it is.
 * A job begins its next iteration, which is no update and has no end of one.
 * By a failed update (`swap` false) nothing is kept to go back to.
 */
export function rolledBack(
  service: Service,
  how: {
    readonly at: Instant;
    readonly revision: number;
    readonly message: string;
    /** Keep the current declaration as the previous one: what a person's rollback does. */
    readonly swap?: boolean;
  },
): Service {
  const { previous, ...rest } = service;
  if (previous === undefined) return service;
  const update: UpdateStatus = {
    state: 'rollback_started',
    startedAt: how.at,
    message: how.message,
    failures: 0,
    slots: 0,
  };
  const kept =
    how.swap === true ? { previous: { spec: service.spec, templateId: service.templateId } } : {};
  const { job } = service;
  const progress =
    job === undefined
      ? { update }
      : { job: { iteration: job.iteration + 1, completions: 0, lastExecutedAt: how.at } };
  return {
    ...rest,
    ...kept,
    spec: previous.spec,
    templateId: previous.templateId,
    ...progress,
    version: how.revision,
    updatedAt: how.at,
  };
}
