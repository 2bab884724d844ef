import { allocateService } from '../allocator/service.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { PublishedPort, Service, ServiceDeclaration } from '../model/service.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { rolledBack } from '../orchestrator/update-failure.ts';
import { isPaused } from '../orchestrator/update-settings.ts';
import type { Transaction } from '../store/view.ts';
import { admitService } from './admission.ts';
import type { UpdateOptions } from './control-plane.ts';
import { checkVersion } from './version.ts';
import type { WriteContext } from './writer.ts';

interface Declared {
  readonly declaration: ServiceDeclaration;
  /** Services that are declared together with it, by `nameKey`. */
  readonly siblings?: ReadonlySet<string>;
  readonly context: WriteContext;
}

export function createService(tx: Transaction, options: Declared): Service {
  const { context } = options;
  const declaration = declaredAs(options.declaration);
  const siblings = options.siblings === undefined ? {} : { siblings: options.siblings };
  admitService(declaration, { view: tx, ...siblings });
  const { spec, template, registryAuth } = declaration;
  const id = context.newId();
  const service: Service = {
    id,
    version: tx.revision,
    createdAt: context.now,
    updatedAt: context.now,
    spec,
    templateId: putTemplate(tx, { serviceId: id, template, context }),
    ...(registryAuth === undefined ? {} : { registryAuth }),
    virtualAddresses: [],
    publishedPorts: [],
    ...(isJob(declaration)
      ? { job: { iteration: 0, completions: 0, lastExecutedAt: context.now } }
      : {}),
    dependenciesMet: [],
  };
  return putAllocated(tx, service, context);
}

/**
 * Replaces the declaration; the one before is kept for a rollback. The same declaration again
 * changes nothing, except that a paused update goes on and a job is run again.
 */
export function updateService(
  tx: Transaction,
  options: Declared & { readonly serviceId: string; readonly version?: number },
): Service {
  const { context } = options;
  const existing = serviceRow(tx, options.serviceId);
  if (options.version !== undefined) checkVersion(existing, options.version);
  const declaration = declaredAs(options.declaration);
  const siblings = options.siblings === undefined ? {} : { siblings: options.siblings };
  admitService(declaration, { view: tx, existing, ...siblings });
  const { spec, template } = declaration;
  const { registryAuth = existing.registryAuth } = declaration;
  const templateId = putTemplate(tx, { serviceId: existing.id, template, context });
  const isSame = templateId === existing.templateId && sameJson(existing.spec, spec);
  const goesOn = existing.job !== undefined || isPaused(existing);
  if (isSame && registryAuth === existing.registryAuth && !goesOn) return existing;
  const { update: _, previous, ...rest } = existing;
  const before = { spec: existing.spec, templateId: existing.templateId };
  const kept = isSame ? previous : before;
  const service: Service = {
    ...rest,
    version: tx.revision,
    updatedAt: context.now,
    spec: isSame ? existing.spec : spec,
    templateId,
    ...(kept === undefined ? {} : { previous: kept }),
    ...(registryAuth === undefined ? {} : { registryAuth }),
    ...(existing.job === undefined ? {} : { job: nextIteration(existing.job, context) }),
    dependenciesMet: existing.dependenciesMet.filter((name) =>
      spec.dependsOn.some((dependency) => dependency.service === name),
    ),
  };
  return putAllocated(tx, service, context);
}

/** Takes the declaration before the current one, which in turn becomes the one before. */
function rollBackService(
  tx: Transaction,
  options: {
    readonly serviceId: string;
    readonly version: number;
    readonly context: WriteContext;
  },
): Service {
  const { context } = options;
  const existing = serviceRow(tx, options.serviceId);
  checkVersion(existing, options.version);
  const { previous } = existing;
  const template = previous && tx.templates.get(previous.templateId);
  if (previous === undefined || template === undefined) {
    throw new TuttiError(
      'failed-precondition',
      `service ${existing.spec.name} does not have a previous spec`,
      { hint: 'It was not updated yet, or was rolled back already.' },
    );
  }
  admitService({ spec: previous.spec, template: template.spec }, { view: tx, existing });
  const message = 'manually requested rollback';
  const service = rolledBack(existing, {
    at: context.now,
    revision: tx.revision,
    message,
    swap: true,
  });
  return putAllocated(tx, service, context);
}

export function updateOrRollBack(
  tx: Transaction,
  options: {
    readonly serviceId: string;
    readonly declaration: ServiceDeclaration | undefined;
    readonly update: UpdateOptions;
    readonly context: WriteContext;
  },
): Service {
  const { serviceId, declaration, update, context } = options;
  const { version } = update;
  if (update.rollback === true) return rollBackService(tx, { serviceId, version, context });
  if (declaration === undefined) {
    throw new TuttiError('invalid-argument', 'an update needs a declaration, or rollback', {
      field: 'declaration',
    });
  }
  return updateService(tx, { serviceId, declaration, version, context });
}

/** Marks a service; it goes when its tasks are gone. */
export function removeService(
  tx: Transaction,
  options: { readonly serviceId: string; readonly context: WriteContext },
): Service {
  const { context } = options;
  const existing = serviceRow(tx, options.serviceId);
  const service: Service = {
    ...existing,
    removing: true,
    version: tx.revision,
    updatedAt: context.now,
  };
  tx.services.put(service);
  context.touched.service(service.id);
  return service;
}

/** Services on their way out are not found. */
function serviceRow(tx: Transaction, serviceId: string): Service {
  const service = tx.services.get(serviceId);
  if (service !== undefined && service.removing !== true) return service;
  throw new TuttiError('not-found', `service ${serviceId} not found`);
}

/**
 * Ports of mode `host` stand in both halves of a declaration; what the service says holds. A port
 * that is to be chosen has no number at all.
 */
export function declaredAs(declaration: ServiceDeclaration): ServiceDeclaration {
  const ports: readonly PublishedPort[] = declaration.spec.ports.map(
    ({ publishedPort = 0, ...port }) => (publishedPort === 0 ? port : { ...port, publishedPort }),
  );
  const hostPorts = ports
    .filter((port) => port.mode === 'host')
    .map(({ protocol, targetPort, publishedPort }) =>
      publishedPort === undefined
        ? { protocol, targetPort }
        : { protocol, targetPort, publishedPort },
    );
  return {
    ...declaration,
    spec: { ...declaration.spec, ports },
    template: { ...declaration.template, hostPorts },
  };
}

function isJob(declaration: ServiceDeclaration): boolean {
  const { kind } = declaration.spec.mode;
  return kind === 'replicated-job' || kind === 'global-job';
}

/** A template that says the same is taken again, so that its tasks need no restart. */
function putTemplate(
  tx: Transaction,
  options: {
    readonly serviceId: string;
    readonly template: TaskTemplateSpec;
    readonly context: WriteContext;
  },
): string {
  const { serviceId, template, context } = options;
  for (const row of tx.templates.by('service', serviceId)) {
    if (sameJson(row.spec, template)) return row.id;
  }
  const id = context.newId();
  tx.templates.put({ id, serviceId, spec: template });
  return id;
}

/** Writes the row with its virtual addresses and ports; throws when it cannot have them. */
function putAllocated(tx: Transaction, row: Service, context: WriteContext): Service {
  const { service, problem } = allocateService(tx, row, context);
  if (problem !== undefined) throw problem;
  tx.services.put(service);
  context.touched.service(service.id);
  return service;
}

/** Every update of a job runs it again. */
function nextIteration(
  job: NonNullable<Service['job']>,
  context: WriteContext,
): Service['job'] & {} {
  return { iteration: job.iteration + 1, completions: 0, lastExecutedAt: context.now };
}
