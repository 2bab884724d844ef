import type { Instant } from '../model/instant.ts';
import type { JobStatus, Service, ServiceSpec } from '../model/service.ts';

/** What a declaration turns into, once it is admitted and its template has a row. */
export interface Declared {
  readonly spec: ServiceSpec;
  readonly templateId: string;
  readonly registryAuth?: string;
  readonly now: Instant;
  /** Revision of the transaction that writes it. */
  readonly revision: number;
}

/** The row of a new service; the allocator adds its addresses and ports. */
export function newService(id: string, declared: Declared): Service {
  const { spec, templateId, registryAuth, now, revision } = declared;
  return {
    id,
    version: revision,
    createdAt: now,
    updatedAt: now,
    spec,
    templateId,
    ...(registryAuth === undefined ? {} : { registryAuth }),
    virtualAddresses: [],
    publishedPorts: [],
    ...jobOf(spec, { iteration: 0, completions: 0, lastExecutedAt: now }),
    dependenciesMet: [],
  };
}

/**
 * The row after a person declared the service anew: what it was is kept to go back to, a paused update
 * is over, and a job begins its next iteration. Registry credentials stay unless given.
 */
export function redeclared(service: Service, declared: Declared): Service {
  const { spec, templateId, registryAuth, now, revision } = declared;
  const { update: _, job, ...rest } = service;
  const names = new Set(spec.dependsOn.map((one) => one.service));
  return {
    ...rest,
    version: revision,
    updatedAt: now,
    spec,
    templateId,
    previous: { spec: service.spec, templateId: service.templateId },
    ...(registryAuth === undefined ? {} : { registryAuth }),
    ...jobOf(spec, { iteration: (job?.iteration ?? -1) + 1, completions: 0, lastExecutedAt: now }),
    dependenciesMet: service.dependenciesMet.filter((name) => names.has(name)),
  };
}

function jobOf(spec: ServiceSpec, job: JobStatus): { readonly job?: JobStatus } {
  const { kind } = spec.mode;
  return kind === 'replicated-job' || kind === 'global-job' ? { job } : {};
}
