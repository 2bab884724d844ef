import { swarmError, asSwarm } from './errors.ts';
import { TuttiError } from '../lib/error.ts';
import type { PublishedPort, Service, ServiceDeclaration } from '../model/service.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { portKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { compileService } from './compile-service.ts';
import { findNetwork, findService } from './find.ts';
import { parseFilters } from './filters.ts';
import { showService } from './lens-service.ts';
import { type DockerRoute, inCluster, type ManagerContext } from './manager-context.ts';
import { inventName } from './names.ts';
import { emptyReply, jsonReply } from './reply.ts';
import { type DockerRequest, param, queryFlag, queryVersion, readDocument } from './request.ts';
import { serviceSchema, type ServiceDocument } from './schema-service.ts';
import { listServices, serviceFilters } from './service-list.ts';
import { serviceLogs } from './service-logs.ts';
import { countTasks } from './service-status.ts';

export function serviceRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { controlPlane } = context;
  const { view } = controlPlane;
  const route = (
    method: string,
    pattern: string,
    handler: DockerRoute['handler'],
  ): DockerRoute => ({
    method,
    pattern,
    handler: inCluster(context, handler),
  });
  return [
    route('GET', '/services', async ({ http }) => {
      const filters = parseFilters(http.query.get('filters'), serviceFilters);
      const withStatus = ['1', 'true'].includes(http.query.get('status') ?? '');
      const services = listServices(view, filters).map((service) =>
        show(context, service, { withStatus, insertDefaults: false }),
      );
      return jsonReply(services);
    }),
    route('POST', '/services/create', async (request) => {
      const document = await readDocument(request, serviceSchema);
      const declaration = compile(context, { document, request });
      checkPorts(view, declaration.spec.ports, undefined);
      const service = await asSwarm(
        () => controlPlane.createService(declaration),
        (error) =>
          error.code === 'already-exists' && !error.message.includes('port')
            ? nameConflict(declaration.spec.name)
            : undefined,
      );
      return jsonReply({ ID: service.id }, 201);
    }),
    route('GET', '/services/:id', async (request) => {
      const service = findService(view, param(request, 'id'));
      const insertDefaults = queryFlag(request, 'insertDefaults');
      return jsonReply(show(context, service, { withStatus: false, insertDefaults }));
    }),
    route('POST', '/services/:id/update', (request) => updateService(context, request)),
    route('DELETE', '/services/:id', async (request) => {
      const service = findService(view, param(request, 'id'));
      await asSwarm(() => controlPlane.removeService(service.id));
      return emptyReply(200);
    }),
    route('GET', '/services/:id/logs', async (request) => {
      const service = findService(view, param(request, 'id'));
      return serviceLogs(context, { request, tasks: [...view.tasks.by('service', service.id)] });
    }),
  ];
}

function nameConflict(name: string): string {
  return `name conflicts with an existing object: service ${name} already exists`;
}

async function updateService(
  context: ManagerContext,
  request: DockerRequest,
): ReturnType<DockerRoute['handler']> {
  const { controlPlane } = context;
  const { view } = controlPlane;
  const version = queryVersion(request);
  const service = findService(view, param(request, 'id'));
  const document = await readDocument(request, serviceSchema);
  const rollback = request.http.query.get('rollback') ?? '';
  if (!['', 'none', 'previous'].includes(rollback)) {
    throw new TuttiError('invalid-argument', `unrecognized rollback option ${rollback}`, {
      field: 'rollback',
      hint: 'Use previous, or leave it out.',
    });
  }
  const authFrom = request.http.query.get('registryAuthFrom') ?? '';
  if (!['', 'spec', 'previous-spec'].includes(authFrom)) {
    throw new TuttiError('invalid-argument', `unsupported registryAuthFrom value: ${authFrom}`, {
      field: 'registryAuthFrom',
      hint: 'Use spec or previous-spec.',
    });
  }
  const declaration = compile(context, { document, request, current: service });
  if (rollback === 'previous') {
    if (service.previous === undefined) {
      throw swarmError(
        'failed-precondition',
        `service ${service.id} does not have a previous spec`,
      );
    }
  } else {
    if (declaration.spec.name !== service.spec.name) {
      throw swarmError('unimplemented', 'renaming services is not supported');
    }
    if (declaration.spec.mode.kind !== service.spec.mode.kind) {
      throw swarmError('unimplemented', 'service mode change is not allowed');
    }
    checkPorts(view, declaration.spec.ports, service.id);
  }
  await asSwarm(() =>
    controlPlane.updateService(service.id, rollback === 'previous' ? undefined : declaration, {
      version,
      rollback: rollback === 'previous',
      registryAuthFrom: authFrom === 'previous-spec' ? 'previous-spec' : 'spec',
    }),
  );
  return jsonReply({ Warnings: null });
}

function compile(
  context: ManagerContext,
  from: {
    readonly document: ServiceDocument;
    readonly request: DockerRequest;
    readonly current?: Service;
  },
): ServiceDeclaration {
  const { view } = context.controlPlane;
  const registryAuth = from.request.http.headers['x-registry-auth'];
  return compileService(from.document, {
    findData: (kind, id) => (kind === 'secret' ? view.secrets : view.configs).get(id)?.spec,
    resolveNetwork: (reference) => findNetwork(view, reference).id,
    inventName: () => from.current?.spec.name ?? inventName(() => context.random.fraction()),
    ...(registryAuth === undefined || registryAuth === '' ? {} : { registryAuth }),
  });
}

/** Says which service has the port; admission refuses it too, in the transaction. */
function checkPorts(
  view: View,
  ports: readonly PublishedPort[],
  serviceId: string | undefined,
): void {
  for (const port of ports) {
    if (port.mode !== 'ingress' || port.publishedPort === undefined) continue;
    for (const other of view.services.by('port', portKey(port.protocol, port.publishedPort))) {
      if (other.id === serviceId || other.removing === true) continue;
      throw swarmError(
        'invalid-argument',
        `port '${port.publishedPort}' is already in use by service '${other.spec.name}' ` +
          `(${other.id}) as an ingress port`,
      );
    }
  }
}

function show(
  context: ManagerContext,
  service: Service,
  options: { readonly withStatus: boolean; readonly insertDefaults: boolean },
): object {
  const { view } = context.controlPlane;
  const template = templateOf(view, service.templateId);
  if (template === undefined) {
    throw new TuttiError('internal', `service ${service.id} has no template ${service.templateId}`);
  }
  return showService({
    service,
    template,
    previousTemplate: templateOf(view, service.previous?.templateId),
    insertDefaults: options.insertDefaults,
    ...(options.withStatus ? { status: countTasks(context.controlPlane, service) } : {}),
  });
}

function templateOf(view: View, templateId: string | undefined): TaskTemplateSpec | undefined {
  return templateId === undefined ? undefined : view.templates.get(templateId)?.spec;
}
