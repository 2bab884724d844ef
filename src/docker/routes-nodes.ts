import { z } from 'zod';
import type { Node } from '../model/node.ts';
import { defined } from '../lib/defined.ts';
import { asSwarm } from './errors.ts';
import { findNode } from './find.ts';
import {
  checkValues,
  type Filters,
  matchesAny,
  matchesLabels,
  matchesPrefix,
  parseFilters,
} from './filters.ts';
import { goObject, goStringMap, goText } from './go-json.ts';
import { showNode } from './lens-node.ts';
import {
  type DockerRoute,
  inCluster,
  type ManagerContext,
  requireCluster,
} from './manager-context.ts';
import { emptyReply, jsonReply } from './reply.ts';
import { param, queryFlag, queryVersion, readDocument } from './request.ts';
import { byId } from './service-list.ts';

const nodeFilters = ['id', 'label', 'membership', 'name', 'node.label', 'role'] as const;

const nodeSpecSchema = goObject({
  Name: goText,
  Labels: goStringMap,
  Role: z.enum(['manager', 'worker']),
  Availability: z.enum(['active', 'pause', 'drain']),
});

export function nodeRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { controlPlane } = context;
  const find = (reference: string): Node =>
    findNode(controlPlane.view, { reference, self: controlPlane.nodeId });
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
    route('GET', '/nodes', async ({ http }) => {
      const filters = parseFilters(http.query.get('filters'), nodeFilters);
      return jsonReply(listNodes(context, filters).map((node) => show(context, node)));
    }),
    route('GET', '/nodes/:id', async (request) =>
      jsonReply(show(context, find(param(request, 'id')))),
    ),
    route('POST', '/nodes/:id/update', async (request) => {
      const version = queryVersion(request);
      const node = find(param(request, 'id'));
      const document = await readDocument(request, nodeSpecSchema);
      await asSwarm(() =>
        controlPlane.updateNode(
          node.id,
          defined({
            name: document.Name === '' ? undefined : document.Name,
            labels: document.Labels ?? {},
            role: document.Role,
            availability: document.Availability,
          }),
          version,
        ),
      );
      return emptyReply(200);
    }),
    route('DELETE', '/nodes/:id', async (request) => {
      const node = find(param(request, 'id'));
      const force = queryFlag(request, 'force');
      await asSwarm(() => controlPlane.removeNode(node.id, { force }));
      return emptyReply(200);
    }),
  ];
}

function show(context: ManagerContext, node: Node): object {
  const { controlPlane } = context;
  return showNode({
    node,
    observed: controlPlane.observed.node(node.id),
    cluster: requireCluster(context),
    roots: [...controlPlane.view.roots.all()],
    managers: controlPlane.managers,
  });
}

function listNodes(context: ManagerContext, filters: Filters): readonly Node[] {
  checkValues(filters, 'role', ['manager', 'worker']);
  checkValues(filters, 'membership', ['accepted', 'pending']);
  return [...context.controlPlane.view.nodes.all()]
    .filter(
      (node) =>
        matchesPrefix(filters, 'id', node.id) &&
        matchesPrefix(filters, 'name', node.description.hostname) &&
        matchesLabels(filters, 'label', node.description.engineLabels) &&
        matchesLabels(filters, 'node.label', node.spec.labels) &&
        matchesAny(filters, 'role', (role) => role === node.spec.role) &&
        // Whoever has a row was accepted.
        matchesAny(filters, 'membership', (membership) => membership === 'accepted'),
    )
    .toSorted(byId);
}
