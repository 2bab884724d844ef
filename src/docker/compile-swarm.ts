import type { InitCluster } from '../manager/control-plane.ts';
import { clusterDefaults, type ClusterSpec } from '../model/cluster.ts';
import { defined } from '../lib/defined.ts';
import { clusterPort, formatHostPort, type HostPort, parseHostPort } from '../lib/host-port.ts';
import { fromNanoseconds } from './go-time.ts';
import { refuse, refuseUnsupported } from './refuse.ts';
import type { InitDocument, SwarmDocument } from './schema-swarm.ts';

const defaultPool = '10.0.0.0/8';
const defaultSubnetPrefixLength = 24;
const defaultDataPathPort = 4_789;

/** Compiles `swarm init`. Hosts of the addresses were looked up before. */
export function compileInit(
  document: InitDocument,
  hosts: { readonly advertised: string; readonly listening: string },
): InitCluster {
  const listen = checkAddress('ListenAddr', document.ListenAddr ?? '');
  const advertised = checkAddress('AdvertiseAddr', document.AdvertiseAddr ?? '', listen.port);
  const dataPathPort = document.DataPathPort ?? 0;
  if (dataPathPort !== 0 && (dataPathPort < 1_024 || dataPathPort > 49_151)) {
    refuse('DataPathPort', `must be 1024 … 49151 (or 0 for 4789), not ${dataPathPort}`);
  }
  const pools = document.DefaultAddrPool ?? [];
  const subnetSize = document.SubnetSize ?? 0;
  return {
    advertiseAddress:
      advertised.port === clusterPort
        ? hosts.advertised
        : formatHostPort({ host: hosts.advertised, port: advertised.port }),
    listenAddress: formatHostPort({ host: hosts.listening, port: listen.port }),
    defaultAddressPools: checkPools(pools),
    subnetPrefixLength: subnetSize === 0 ? defaultSubnetPrefixLength : subnetSize,
    dataPathPort: dataPathPort === 0 ? defaultDataPathPort : dataPathPort,
    spec: compileClusterSpec(document.Spec ?? {}, {
      ...clusterDefaults,
      autoLockManagers: document.AutoLockManagers ?? false,
    }),
    availability: document.Availability ?? 'active',
    forceNewCluster: document.ForceNewCluster ?? false,
  };
}

/** What a document leaves out or sets to Go's zero stays as it is. */
export function compileClusterSpec(document: SwarmDocument, current: ClusterSpec): ClusterSpec {
  refuseUnknownAuthority(document);
  return defined({
    name: unlessBlank(document.Name) ?? current.name,
    labels: document.Labels ?? current.labels,
    taskHistoryLimit: document.Orchestration?.TaskHistoryRetentionLimit ?? current.taskHistoryLimit,
    heartbeatPeriodMs: toMilliseconds(
      document.Dispatcher?.HeartbeatPeriod,
      current.heartbeatPeriodMs,
    ),
    ...compileRaft(document.Raft ?? {}, current),
    certificateExpiryMs: toMilliseconds(
      document.CAConfig?.NodeCertExpiry,
      current.certificateExpiryMs,
    ),
    forceRotate: unlessZero(document.CAConfig?.ForceRotate) ?? current.forceRotate,
    autoLockManagers: document.EncryptionConfig?.AutoLockManagers ?? current.autoLockManagers,
    defaultLogDriver: compileLogDriver(document.TaskDefaults?.LogDriver),
  });
}

function refuseUnknownAuthority(document: SwarmDocument): void {
  const { CAConfig: authority } = document;
  if ((authority?.ExternalCAs ?? []).length > 0) {
    refuseUnsupported('CAConfig.ExternalCAs', 'external certificate authorities are');
  }
  if ((authority?.SigningCACert ?? '') !== '' || (authority?.SigningCAKey ?? '') !== '') {
    refuseUnsupported(
      'CAConfig.SigningCACert',
      'certificate authorities of your own are',
      'Without --ca-cert and --ca-key the cluster makes the next one itself.',
    );
  }
}

/** There is no Raft here: the settings are kept for the clients that show them. */
function compileRaft(raft: NonNullable<SwarmDocument['Raft']>, current: ClusterSpec) {
  return {
    snapshotInterval: unlessZero(raft.SnapshotInterval) ?? current.snapshotInterval,
    keepOldSnapshots: raft.KeepOldSnapshots ?? current.keepOldSnapshots,
    logEntriesForSlowFollowers:
      unlessZero(raft.LogEntriesForSlowFollowers) ?? current.logEntriesForSlowFollowers,
    electionTick: unlessZero(raft.ElectionTick) ?? current.electionTick,
    heartbeatTick: unlessZero(raft.HeartbeatTick) ?? current.heartbeatTick,
  };
}

function compileLogDriver(
  driver: NonNullable<SwarmDocument['TaskDefaults']>['LogDriver'],
): ClusterSpec['defaultLogDriver'] {
  if (driver?.Name === undefined || driver.Name === '') return undefined;
  return { name: driver.Name, options: driver.Options ?? {} };
}

function toMilliseconds(nanoseconds: number | undefined, currentMs: number): number {
  return nanoseconds === undefined || nanoseconds === 0 ? currentMs : fromNanoseconds(nanoseconds);
}

function unlessZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

function unlessBlank(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** An address in one of its fields; without a host where none is given. */
export function checkAddress(field: string, text: string, defaultPort = clusterPort): HostPort {
  const address = parseHostPort(text, defaultPort);
  return address ?? refuse(field, `must be host:port, not ${JSON.stringify(text)}`);
}

function checkPools(pools: readonly string[]): readonly string[] {
  for (const [index, pool] of pools.entries()) {
    const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(pool);
    const isPool =
      parts !== null &&
      parts.slice(1, 5).every((part) => Number(part) <= 255) &&
      Number(parts[5]) <= 32;
    if (!isPool) {
      refuse(
        `DefaultAddrPool[${index}]`,
        `must be an IPv4 network such as ${defaultPool}, not ${JSON.stringify(pool)}`,
      );
    }
  }
  return pools;
}
