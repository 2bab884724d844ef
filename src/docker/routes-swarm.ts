import { TuttiError } from '../lib/error.ts';
import { checkAddress, compileClusterSpec, compileInit } from './compile-swarm.ts';
import { asSwarm } from './errors.ts';
import { showCluster, showClusterWithTokens } from './lens-cluster.ts';
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
    route('GET', '/info', async () => jsonReply({ Swarm: showSwarmInfo(context) })),
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

/** The section `Swarm` of `docker info`. */
function showSwarmInfo(context: ManagerContext): object {
  const { controlPlane } = context;
  const cluster = controlPlane.cluster();
  const { nodeId } = controlPlane;
  if (cluster === undefined || nodeId === undefined) return inactive;
  const nodes = [...controlPlane.view.nodes.all()];
  return {
    NodeID: nodeId,
    NodeAddr: hostOf(cluster.advertiseAddress),
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
    RemoteManagers: [{ NodeID: nodeId, Addr: withPort(cluster.advertiseAddress) }],
    Nodes: nodes.length,
    Managers: nodes.filter((node) => node.spec.role === 'manager').length,
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

function alreadyInCluster(): TuttiError {
  return new TuttiError(
    'unavailable',
    'This node is already part of a swarm. ' +
      'Use "docker swarm leave" to leave this swarm and join another one.',
  );
}

/** The space at the end is Swarm's. */
function lastManager(): TuttiError {
  return new TuttiError(
    'unavailable',
    'You are attempting to leave the swarm on a node that is participating as a manager. ' +
      'Removing the last manager erases all current state of the swarm. ' +
      'Use `--force` to ignore this message. ',
  );
}
