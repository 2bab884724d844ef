import type { Service, UpdateSettings } from '../model/service.ts';
import { updateDefaults } from '../model/service.ts';

/** Whether the service goes back to what it was: by a person's wish or a failed update's. */
export function isRollback(service: Service): boolean {
  const state = service.update?.state;
  return (
    state === 'rollback_started' || state === 'rollback_paused' || state === 'rollback_completed'
  );
}

/** The settings that hold for the replacements that the service is going through. */
export function updateSettings(service: Service): Required<UpdateSettings> {
  const declared = isRollback(service) ? service.spec.rollback : service.spec.update;
  return { ...updateDefaults, ...declared };
}

/** A paused update changes nothing until a person decides. */
export function isPaused(service: Service): boolean {
  const state = service.update?.state;
  return state === 'paused' || state === 'rollback_paused';
}

export function isInProgress(service: Service): boolean {
  const state = service.update?.state;
  return state === 'updating' || state === 'rollback_started';
}
