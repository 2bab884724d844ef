import { newJoinToken } from '../ca/join-token.ts';
import { newUnlockKey } from '../lib/unlock-key.ts';
import { signingRoot, startRotation } from '../ca/rotation.ts';
import { TuttiError } from '../lib/error.ts';
import { parseHostPort } from '../lib/host-port.ts';
import type { Cluster, ClusterSpec } from '../model/cluster.ts';
import { clusterDefaults } from '../model/cluster.ts';
import type { NetworkSpec } from '../model/network.ts';
import type { Root } from '../model/root.ts';
import type { Transaction, View } from '../store/view.ts';
import {
  checkDuration,
  checkLabels,
  checkWholeNumber,
  isIpAddress,
  refuse,
  show,
} from './admission-check.ts';
import { checkPool } from './admission-network.ts';
import { tokensFor } from './cluster-root.ts';
import { theCluster } from './cluster-row.ts';
import type { InitCluster } from './control-plane.ts';
import { putNetwork } from './networks.ts';
import { checkVersion } from './version.ts';
import type { WriteContext } from './writer.ts';

/** Ports that Swarm takes for its overlay traffic (moby daemon/cluster). */
const dataPathPorts = { minimum: 1_024, maximum: 49_151 };
const defaultDataPathPort = 4_789;
const defaultPools = ['10.0.0.0/8'];

/** @throws TuttiError where there is a cluster already, or the request is wrong. */
export function checkNewCluster(view: Pick<View, 'clusters'>, request: InitCluster): void {
  if (theCluster(view) !== undefined) {
    throw new TuttiError(
      'unavailable',
      'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and ' +
        'join another one.',
    );
  }
  checkInit(request);
}

/** Makes the cluster row, its root and the networks that every cluster has. */
export function createCluster(
  tx: Transaction,
  request: InitCluster,
  options: {
    readonly root: Root;
    readonly context: WriteContext;
    readonly randomBytes: (count: number) => Uint8Array;
  },
): Cluster {
  const { root, context, randomBytes } = options;
  checkNewCluster(tx, request);
  const pools = request.defaultAddressPools;
  const cluster: Cluster = {
    id: context.newId(),
    version: tx.revision,
    createdAt: context.now,
    updatedAt: context.now,
    spec: request.spec,
    advertiseAddress: request.advertiseAddress,
    ...(request.listenAddress !== undefined && { listenAddress: request.listenAddress }),
    defaultAddressPools: pools.length === 0 ? defaultPools : pools,
    subnetPrefixLength: request.subnetPrefixLength,
    dataPathPort: request.dataPathPort === 0 ? defaultDataPathPort : request.dataPathPort,
    joinTokens: tokensFor(root, randomBytes),
    ...(request.spec.autoLockManagers && { unlockKey: newUnlockKey(randomBytes) }),
  };
  tx.clusters.put(cluster);
  tx.roots.put(root);
  putNetwork(tx, { spec: ingressNetwork, context });
  for (const name of ['host', 'bridge']) {
    putNetwork(tx, { spec: predefinedNetwork(name), predefined: true, context });
  }
  return cluster;
}

export function updateCluster(
  tx: Transaction,
  spec: ClusterSpec,
  options: {
    readonly version: number;
    readonly rotateWorkerToken: boolean;
    readonly rotateManagerToken: boolean;
    readonly rotateUnlockKey?: boolean;
    /** Signs from now on, in place of the one that does. */
    readonly nextRoot?: Root | undefined;
    readonly context: WriteContext;
    readonly randomBytes: (count: number) => Uint8Array;
  },
): void {
  const { nextRoot } = options;
  const { unlockKey, ...cluster } = requireCluster(tx);
  checkVersion(cluster, options.version);
  if (spec.name !== cluster.spec.name) {
    refuse('spec.name', `the cluster is called ${show(cluster.spec.name)}; it cannot be renamed`);
  }
  checkSpec(spec);
  if (nextRoot !== undefined) {
    for (const root of startRotation([...tx.roots.all()], nextRoot)) tx.roots.put(root);
  }
  const { worker, manager } = cluster.joinTokens;
  const rotate = (): string => newJoinToken(requireRoot(tx).id, options.randomBytes);
  tx.clusters.put({
    ...cluster,
    spec,
    version: tx.revision,
    updatedAt: options.context.now,
    ...(spec.autoLockManagers && {
      unlockKey:
        unlockKey === undefined || options.rotateUnlockKey === true
          ? newUnlockKey(options.randomBytes)
          : unlockKey,
    }),
    joinTokens: {
      worker: options.rotateWorkerToken || nextRoot !== undefined ? rotate() : worker,
      manager: options.rotateManagerToken || nextRoot !== undefined ? rotate() : manager,
    },
  });
}

/** Takes everything out of the store: the cluster is gone. */
export function wipe(tx: Transaction): void {
  for (const table of [
    tx.tasks,
    tx.services,
    tx.templates,
    tx.networks,
    tx.attachments,
    tx.secrets,
    tx.configs,
    tx.nodes,
    tx.roots,
    tx.clusters,
  ]) {
    const ids = [...table.all()].map((row) => row.id);
    for (const id of ids) table.delete(id);
  }
}

export function requireCluster(tx: Pick<Transaction, 'clusters'>): Cluster {
  const cluster = theCluster(tx);
  if (cluster !== undefined) return cluster;
  throw new TuttiError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect ' +
      'this node to swarm and try again.',
  );
}

function requireRoot(tx: Transaction): Root {
  const root = signingRoot(tx.roots.all());
  if (root !== undefined) return root;
  throw new TuttiError('unavailable', 'the cluster has no certificate authority yet', {
    hint: 'The manager makes it when it starts; its log says what keeps it from doing so.',
  });
}

function checkInit(request: InitCluster): void {
  const advertised = parseHostPort(request.advertiseAddress)?.host ?? '';
  if (!isIpAddress(advertised)) {
    refuse(
      'advertiseAddress',
      `the advertise address ${show(request.advertiseAddress)} is no IP address; give one of ` +
        "the node's own",
    );
  }
  request.defaultAddressPools.forEach((pool, index) => {
    checkPool(`defaultAddressPools[${index}]`, pool, request.subnetPrefixLength);
  });
  checkWholeNumber('subnetPrefixLength', request.subnetPrefixLength, { minimum: 8, maximum: 29 });
  if (request.dataPathPort !== 0) {
    checkWholeNumber('dataPathPort', request.dataPathPort, dataPathPorts);
  }
  checkSpec(request.spec);
}

function checkSpec(spec: ClusterSpec): void {
  checkLabels('spec.labels', spec.labels);
  checkWholeNumber('spec.taskHistoryLimit', spec.taskHistoryLimit, {
    minimum: -1,
    maximum: 100_000,
  });
  checkDuration('spec.heartbeatPeriodMs', spec.heartbeatPeriodMs);
  if (spec.heartbeatPeriodMs < 100) {
    refuse(
      'spec.heartbeatPeriodMs',
      `the heartbeat period is ${spec.heartbeatPeriodMs} ms; 100 ms is the least`,
    );
  }
  checkDuration('spec.certificateExpiryMs', spec.certificateExpiryMs);
  checkUnused(spec);
}

/** Settings of what is not there: a value of one's own would be a promise that nobody keeps. */
function checkUnused(spec: ClusterSpec): void {
  for (const name of [
    'snapshotInterval',
    'keepOldSnapshots',
    'logEntriesForSlowFollowers',
    'electionTick',
    'heartbeatTick',
  ] as const) {
    if (spec[name] === clusterDefaults[name]) continue;
    refuse(`spec.${name}`, `${name} is ${show(spec[name])}, but there is no Raft log to tune`, {
      code: 'unimplemented',
      hint: `Leave it at ${clusterDefaults[name]}.`,
    });
  }
  if (spec.defaultLogDriver === undefined) return;
  refuse(
    'spec.defaultLogDriver',
    `the log driver ${show(spec.defaultLogDriver.name)} cannot be set for all services at once`,
    { code: 'unimplemented', hint: 'Set it for each service, or for the container engine.' },
  );
}

const ingressNetwork: NetworkSpec = {
  name: 'ingress',
  labels: {},
  driver: 'overlay',
  driverOptions: {},
  internal: false,
  attachable: false,
  ingress: true,
  enableIpv6: false,
  subnets: [],
};

/** Stands for the node's own network of that name. */
function predefinedNetwork(name: string): NetworkSpec {
  return { ...ingressNetwork, name, driver: name, ingress: false };
}
