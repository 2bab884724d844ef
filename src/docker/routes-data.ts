import type { DataSpec } from '../model/secret.ts';
import { defined } from '../lib/defined.ts';
import { asSwarm } from './errors.ts';
import { findConfig, findSecret } from './find.ts';
import { type Filters, matchesAny, matchesLabels, matchesPrefix, parseFilters } from './filters.ts';
import { goObject, goStringMap, goText } from './go-json.ts';
import { showConfig, showSecret } from './lens-data.ts';
import {
  type DockerHandler,
  type DockerRoute,
  inCluster,
  type ManagerContext,
} from './manager-context.ts';
import { checkDataName } from './names.ts';
import { refuse } from './refuse.ts';
import { emptyReply, jsonReply } from './reply.ts';
import { param, queryVersion, readDocument } from './request.ts';
import { byId } from './service-list.ts';
import { z } from 'zod';

const dataFilters = ['id', 'label', 'name', 'names'] as const;

const driver = goObject({ Name: goText, Options: goStringMap });

const dataSchema = goObject({
  Name: goText,
  Labels: goStringMap,
  /** Base64. What it says is never repeated in a message. */
  Data: z.string().optional(),
  Driver: driver.optional(),
  Templating: driver.optional(),
});

type DataDocument = z.output<typeof dataSchema>;

/** Secrets and configs: the same routes over two tables. */
export function dataRoutes(context: ManagerContext): readonly DockerRoute[] {
  return [...secretRoutes(context), ...configRoutes(context)];
}

interface DataKind {
  readonly plural: string;
  readonly list: (filters: Filters) => readonly object[];
  readonly find: (reference: string) => { readonly id: string; readonly data: string };
  readonly show: (reference: string) => object;
  readonly create: (spec: DataSpec, data: string) => Promise<{ readonly id: string }>;
  readonly update: (id: string, spec: DataSpec, version: number) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
}

function secretRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { controlPlane } = context;
  const { view } = controlPlane;
  return routesOf(context, {
    plural: 'secrets',
    list: (filters) => pick(view.secrets.all(), filters).map(showSecret),
    find: (reference) => findSecret(view, reference),
    show: (reference) => showSecret(findSecret(view, reference)),
    create: (spec, data) => controlPlane.createSecret(spec, data),
    update: (id, spec, version) => controlPlane.updateSecret(id, spec, version),
    remove: (id) => controlPlane.removeSecret(id),
  });
}

function configRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { controlPlane } = context;
  const { view } = controlPlane;
  return routesOf(context, {
    plural: 'configs',
    list: (filters) => pick(view.configs.all(), filters).map(showConfig),
    find: (reference) => findConfig(view, reference),
    show: (reference) => showConfig(findConfig(view, reference)),
    create: (spec, data) => controlPlane.createConfig(spec, data),
    update: (id, spec, version) => controlPlane.updateConfig(id, spec, version),
    remove: (id) => controlPlane.removeConfig(id),
  });
}

function routesOf(context: ManagerContext, kind: DataKind): readonly DockerRoute[] {
  const route = (method: string, path: string, handler: DockerHandler): DockerRoute => ({
    method,
    pattern: `/${kind.plural}${path}`,
    handler: inCluster(context, handler),
  });
  return [
    route('GET', '', async ({ http }) =>
      jsonReply(kind.list(parseFilters(http.query.get('filters'), dataFilters))),
    ),
    route('POST', '/create', async (request) => {
      const document = await readDocument(request, dataSchema);
      const spec = compileData(document);
      const data = checkData(document.Data ?? '');
      const row = await asSwarm(() => kind.create(spec, data));
      return jsonReply({ ID: row.id }, 201);
    }),
    route('GET', '/:id', async (request) => jsonReply(kind.show(param(request, 'id')))),
    route('DELETE', '/:id', async (request) => {
      const row = kind.find(param(request, 'id'));
      await asSwarm(() => kind.remove(row.id));
      return emptyReply(204);
    }),
    route('POST', '/:id/update', async (request) => {
      const version = queryVersion(request);
      const row = kind.find(param(request, 'id'));
      const document = await readDocument(request, dataSchema);
      const spec = compileData(document);
      // `stack deploy` sends the content along; another content is another object.
      if (document.Data !== undefined && document.Data !== '' && document.Data !== row.data) {
        refuse('Data', 'only updates to Labels are allowed', 'Create it under another name.');
      }
      await asSwarm(() => kind.update(row.id, spec, version));
      return emptyReply(200);
    }),
  ];
}

function compileData(document: DataDocument): DataSpec {
  const driver = (given: DataDocument['Driver']): DataSpec['driver'] =>
    given?.Name === undefined || given.Name === ''
      ? undefined
      : { name: given.Name, options: given.Options ?? {} };
  return defined({
    name: checkDataName(document.Name),
    labels: document.Labels ?? {},
    driver: driver(document.Driver),
    templating: driver(document.Templating),
  });
}

function checkData(data: string): string {
  // As strict about padding as Go's decoder.
  if (data.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(data)) {
    refuse('Data', 'must be base64');
  }
  return data;
}

function pick<Row extends { readonly id: string; readonly spec: DataSpec }>(
  rows: Iterable<Row>,
  filters: Filters,
): readonly Row[] {
  return [...rows]
    .filter(
      ({ id, spec }) =>
        matchesPrefix(filters, 'id', id) &&
        matchesPrefix(filters, 'name', spec.name) &&
        matchesAny(filters, 'names', (name) => name === spec.name) &&
        matchesLabels(filters, 'label', spec.labels),
    )
    .toSorted(byId);
}
