import { join } from 'node:path';

/** One member of etcd, as it is started. */
export interface EtcdMemberPlan {
  /** The node's id. */
  readonly name: string;
  /** Everything of the member is below; it is where it runs. */
  readonly directory: string;
  /** Where it listens for the other members. */
  readonly listenHost: string;
  /** What the others know it by. */
  readonly peerUrl: string;
  /** All members at the time of its first start, itself among them; it knows better afterwards. */
  readonly firstMembers: readonly { readonly name: string; readonly peerUrl: string }[];
  /** The cluster's id: members of another cluster are not listened to. */
  readonly clusterId: string;
  /** `found`: it is one of the first; `join`: the others have added it. */
  readonly start: 'found' | 'join';
  /** It is the only member from this start on, whatever it was before; what it has stays. */
  readonly forceNewCluster?: true;
  /** Absent: peers in the clear, for tests on the loopback interface. */
  readonly tls?: EtcdPeerFiles;
  readonly timing?: EtcdTiming;
  /** The file's largest size. */
  readonly quotaBytes?: number;
}

export interface EtcdPeerFiles {
  readonly keyPath: string;
  readonly certificatePath: string;
  /** The roots that are trusted. */
  readonly rootsPath: string;
}

/** Of etcd's own election. */
export interface EtcdTiming {
  readonly heartbeatMs: number;
  /** A follower waits from once to twice this long. */
  readonly electionMs: number;
}

const defaultTiming: EtcdTiming = { heartbeatMs: 50, electionMs: 500 };
const defaultQuotaBytes = 8 * 1024 ** 3;
/** Above the batch limits of the store engine, with what it adds to a batch. */
const maxTransactionOperations = 4_096;
/** Above the largest row, which may be escaped twice on its way. */
const maxRequestBytes = 16 * 1024 ** 2;
/** The name that managers' certificates alone have; see docs/design/identity.md, Formats. */
const managerName = 'swarm-manager';
/** In the directory of the member: etcd wants the form host:port even of a file's name. */
const clientSocketName = 'client:0';

/** The Unix socket on which a member serves its own manager, and nobody else. */
export function etcdClientSocket(directory: string): string {
  return join(directory, clientSocketName);
}

/** The arguments of `etcd` 3.4 and later. */
export function etcdArguments(plan: EtcdMemberPlan): readonly string[] {
  const { timing = defaultTiming, tls } = plan;
  const clientUrl = `unix://${clientSocketName}`;
  return [
    `--name=${plan.name}`,
    `--data-dir=${join(plan.directory, 'data')}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${listenUrl(plan)}`,
    `--initial-advertise-peer-urls=${plan.peerUrl}`,
    `--initial-cluster=${plan.firstMembers.map((m) => `${m.name}=${m.peerUrl}`).join(',')}`,
    `--initial-cluster-token=${plan.clusterId}`,
    `--initial-cluster-state=${plan.start === 'found' ? 'new' : 'existing'}`,
    ...(plan.forceNewCluster === true ? ['--force-new-cluster'] : []),
    '--pre-vote',
    `--heartbeat-interval=${timing.heartbeatMs}`,
    `--election-timeout=${timing.electionMs}`,
    `--max-txn-ops=${maxTransactionOperations}`,
    `--max-request-bytes=${maxRequestBytes}`,
    `--quota-backend-bytes=${plan.quotaBytes ?? defaultQuotaBytes}`,
    // The holder of the epoch compacts much earlier; this is for when nobody does.
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=1h',
    '--experimental-backend-bbolt-freelist-type=map',
    '--enable-grpc-gateway=false',
    '--logger=zap',
    '--log-level=warn',
    '--log-outputs=stderr',
    ...(tls === undefined ? [] : peerArguments(tls)),
  ];
}

function listenUrl({ listenHost, peerUrl, tls }: EtcdMemberPlan): string {
  const host = listenHost.includes(':') ? `[${listenHost}]` : listenHost;
  return `${tls === undefined ? 'http' : 'https'}://${host}:${new URL(peerUrl).port}`;
}

function peerArguments({ keyPath, certificatePath, rootsPath }: EtcdPeerFiles): readonly string[] {
  return [
    `--peer-key-file=${keyPath}`,
    `--peer-cert-file=${certificatePath}`,
    `--peer-trusted-ca-file=${rootsPath}`,
    '--peer-client-cert-auth',
    // Workers have certificates of the same root, with another name in them.
    `--peer-cert-allowed-hostname=${managerName}`,
    // The names in our certificates are roles and ids: no nameserver knows them.
    '--experimental-peer-skip-client-san-verification',
  ];
}
