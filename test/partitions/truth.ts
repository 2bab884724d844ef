import type { ApiClient } from '../../src/client/api-client.ts';

/** A service as a manager has it. */
export interface Truth {
  /** Its virtual address on the network. */
  readonly virtualAddress: string;
  /** Of its running tasks on the network, sorted. */
  readonly addresses: readonly string[];
  /** Of the containers of its running tasks, sorted. */
  readonly hostnames: readonly string[];
}

interface ServiceReply {
  readonly Endpoint?: {
    readonly VirtualIPs?: readonly { readonly NetworkID: string; readonly Addr: string }[];
  };
}

interface TaskReply {
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    readonly ContainerStatus?: { readonly ContainerID: string };
  };
  readonly NetworksAttachments?: readonly {
    readonly Network: { readonly ID: string };
    readonly Addresses: readonly string[];
  }[];
}

const answerLimitMs = 3_000;
const hostnameLength = 12;

/** Undefined: there is no such service. */
export async function readTruth(
  client: ApiClient,
  { service, networkId }: { readonly service: string; readonly networkId: string },
): Promise<Truth | undefined> {
  const get = async <Reply>(path: string): Promise<Reply> => {
    const signal = AbortSignal.timeout(answerLimitMs);
    return await client.call<Reply>({ method: 'GET', path: `/v1.41${path}`, signal });
  };
  const byName = encodeURIComponent(JSON.stringify({ name: [service] }));
  const [found] = await get<readonly ServiceReply[]>(`/services?filters=${byName}`);
  if (found === undefined) return undefined;
  const byService = encodeURIComponent(JSON.stringify({ service: [service] }));
  const tasks = await get<readonly TaskReply[]>(`/tasks?filters=${byService}`);
  const running = tasks.filter(
    ({ DesiredState, Status }) => DesiredState === 'running' && Status.State === 'running',
  );
  const ofNetwork = running.flatMap(({ NetworksAttachments = [] }) =>
    NetworksAttachments.filter(({ Network }) => Network.ID === networkId),
  );
  const virtual = found.Endpoint?.VirtualIPs?.find(({ NetworkID }) => NetworkID === networkId);
  return {
    virtualAddress: withoutPrefix(virtual?.Addr ?? ''),
    addresses: ofNetwork.flatMap(({ Addresses }) => Addresses.map(withoutPrefix)).toSorted(),
    hostnames: running
      .map(({ Status }) => Status.ContainerStatus?.ContainerID.slice(0, hostnameLength) ?? '')
      .toSorted(),
  };
}

function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? '';
}
