import { TuttiError } from '../lib/error.ts';
import type { Network } from '../model/network.ts';
import { compileNetwork } from './compile-network.ts';
import { asSwarm } from './errors.ts';
import { findNetwork } from './find.ts';
import { type Filters, parseFilters } from './filters.ts';
import { showNetwork } from './lens-network.ts';
import { type DockerRoute, type ManagerContext, requireCluster } from './manager-context.ts';
import { matchesNetwork, networkFilters } from './network-filters.ts';
import { emptyReply, jsonReply } from './reply.ts';
import { param, readDocument } from './request.ts';
import { networkSchema } from './schema-network.ts';
import { byId } from './service-list.ts';

/**
 * The cluster's networks. The daemon asks here and joins the answers with those of the container
 * engine; so without a cluster the list is empty, and a lookup finds nothing.
 */
export function networkRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { controlPlane } = context;
  const { view } = controlPlane;
  return [
    {
      method: 'GET',
      pattern: '/networks',
      handler: async ({ http }) => {
        const filters = parseFilters(http.query.get('filters'), networkFilters);
        return jsonReply(listNetworks(context, filters).map(showNetwork));
      },
    },
    {
      method: 'GET',
      pattern: '/networks/:id',
      handler: async (request) => jsonReply(showNetwork(findNetwork(view, param(request, 'id')))),
    },
    {
      method: 'POST',
      pattern: '/networks/create',
      handler: async (request) => {
        requireCluster(context);
        const spec = compileNetwork(await readDocument(request, networkSchema));
        const network = await createNetwork(() => controlPlane.createNetwork(spec), spec.name);
        return jsonReply({ Id: network.id, Warning: '' }, 201);
      },
    },
    {
      method: 'DELETE',
      pattern: '/networks/:id',
      handler: async (request) => {
        requireCluster(context);
        const network = findNetwork(view, param(request, 'id'));
        if (network.predefined === true) {
          throw new TuttiError(
            'permission-denied',
            `${network.spec.name} is a pre-defined network and cannot be removed`,
          );
        }
        await asSwarm(() => controlPlane.removeNetwork(network.id));
        return emptyReply(204);
      },
    },
  ];
}

/** Docker checks names before Swarm does, and answers in its own words. */
async function createNetwork(create: () => Promise<Network>, name: string): Promise<Network> {
  try {
    return await create();
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code === 'already-exists' && error.field?.endsWith('name') === true) {
      throw new TuttiError('already-exists', `network with name ${name} already exists`);
    }
    return await asSwarm(() => Promise.reject(error));
  }
}

function listNetworks(context: ManagerContext, filters: Filters): readonly Network[] {
  return [...context.controlPlane.view.networks.all()]
    .filter(
      (network) =>
        network.removing !== true &&
        // Stands for the node's own network of that name, which the engine lists.
        network.predefined !== true &&
        matchesNetwork(filters, {
          id: network.id,
          name: network.spec.name,
          driver: 'overlay',
          scope: 'swarm',
          labels: network.spec.labels,
          isUsed: isUsed(context, network),
        }),
    )
    .toSorted(byId);
}

function isUsed(context: ManagerContext, network: Network): boolean {
  const { view } = context.controlPlane;
  if (network.spec.ingress) return true;
  for (const template of view.templates.by('network', network.id)) {
    const service = view.services.get(template.serviceId);
    if (service?.templateId === template.id && service.removing !== true) return true;
  }
  if (view.tasks.count('network', network.id) > 0) return true;
  const attachments = [...view.attachments.by('network', network.id)];
  return attachments.some(({ container }) => container?.running !== false);
}
