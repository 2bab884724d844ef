import { TuttiError } from '../lib/error.ts';
import { checkAddress, compileClusterSpec, compileInit } from './compile-swarm.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import { alreadyInCluster } from './already-in-cluster.ts';
import { asSwarm } from './errors.ts';
import { showCluster, showClusterWithTokens } from './lens-cluster.ts';
import { lastManager } from './last-manager.ts';
import { hostOf, withPort } from './lens-node.ts';
import {
  type DockerHandler,
  type DockerRoute,
  inCluster,
  type ManagerContext,
  requireCluster,
} from './manager-context.ts';
import { emptyReply, jsonReply } from './reply.ts';
import { queryFlag, queryVersion, readDocument } from './request.ts';
import { type InitDocument, initSchema, swarmSchema } from './schema-swarm.ts';

export function swarmRoutes(context: ManagerContext): readonly DockerRoute[] {
  const { controlPlane } = context;
  const route = (method: string, pattern: string, handler: DockerHandler): DockerRoute => ({
    method,
    pattern,
    handler,
  });
  return [
    route('POST', '/swarm/init', async (request) => {
      const document = await readDocument(request, initSchema);
      if (controlPlane.cluster() !== undefined && document.ForceNewCluster !== true) {
        throw alreadyInCluster();
      }
      const hosts = await hostsOf(context, document);
      const { nodeId } = await controlPlane.initCluster(compileInit(document, hosts));
      return jsonReply(nodeId);
    }),
    route('POST', '/swarm/leave', async (request) => {
      if (controlPlane.cluster() === undefined) {
        throw new TuttiError('unavailable', 'This node is not part of a swarm');
      }
      const force = queryFlag(request, 'force');
      if (!force) throw lastManager();
      await controlPlane.leaveCluster({ force });
      return emptyReply(200);
    }),
    route(
      'GET',
      '/swarm',
      inCluster(context, async () =>
        jsonReply(
          showClusterWithTokens(requireCluster(context), [...controlPlane.view.roots.all()]),
        ),
      ),
    ),
    route('POST', '/swarm/update', inCluster(context, updateCluster(context))),
    // Without autolock there is no key, which is what an empty one says to the CLI.
    route(
      'GET',
      '/swarm/unlockkey',
      inCluster(context, async () =>
        jsonReply({ UnlockKey: requireCluster(context).unlockKey ?? '' }),
      ),
    ),
    route('POST', '/swarm/unlock', async () => {
      requireCluster(context);
      throw new TuttiError('conflict', 'swarm is not locked');
    }),
    route('GET', '/info', async () => jsonReply({ Swarm: swarmInfo(controlPlane) })),
  ];
}

function updateCluster(context: ManagerContext): DockerHandler {
  return async (request) => {
    const version = queryVersion(request);
    const document = await readDocument(request, swarmSchema);
    const spec = compileClusterSpec(document, requireCluster(context).spec);
    await asSwarm(() =>
      context.controlPlane.updateCluster(spec, {
        version,
        rotateWorkerToken: queryFlag(request, 'rotateWorkerToken'),
        rotateManagerToken: queryFlag(request, 'rotateManagerToken'),
        rotateUnlockKey: queryFlag(request, 'rotateManagerUnlockKey'),
      }),
    );
    return emptyReply(200);
  };
}

/** What a manager knows of its cluster, also while another one leads. */
export type SwarmSource = Pick<ControlPlane, 'view' | 'nodeId' | 'managers' | 'cluster'>;

/** The section `Swarm` of `docker info`. */
export function swarmInfo(controlPlane: SwarmSource): object {
  const cluster = controlPlane.cluster();
  const { nodeId } = controlPlane;
  if (cluster === undefined || nodeId === undefined) return inactive;
  const nodes = [...controlPlane.view.nodes.all()];
  const seats = nodes.flatMap(({ id, seat }) =>
    seat === undefined ? [] : [{ NodeID: id, Addr: seat.address }],
  );
  const alone = { NodeID: nodeId, Addr: withPort(cluster.advertiseAddress) };
  const own = seats.find(({ NodeID }) => NodeID === nodeId) ?? alone;
  return {
    NodeID: nodeId,
    NodeAddr: hostOf(own.Addr),
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
    RemoteManagers: seats.length === 0 ? [alone] : seats,
    Nodes: nodes.length,
    Managers: Math.max(seats.length, 1),
    Cluster: showCluster(cluster, [...controlPlane.view.roots.all()]),
  };
}

const inactive = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
};

/** Names of interfaces become addresses; an address to listen on is what others reach, too. */
async function hostsOf(context: ManagerContext, document: InitDocument) {
  const listen = checkAddress('ListenAddr', document.ListenAddr ?? '').host;
  const isAny = ['', '0.0.0.0', '::'].includes(listen);
  const listening = isAny ? listen || '0.0.0.0' : await context.resolveAddress(listen);
  const given = checkAddress('AdvertiseAddr', document.AdvertiseAddr ?? '').host;
  const own = isAny ? undefined : listening;
  const advertised = await context.resolveAddress(given === '' ? own : given);
  return { advertised, listening };
}
