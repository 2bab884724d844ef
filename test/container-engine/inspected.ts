import { setTimeout as sleep } from 'node:timers/promises';
import type { TestNode } from '../fixture/test-node.ts';

const limitMs = 60_000;
const pollMs = 100;

/** As far as tests look at `docker inspect` of a container. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
  };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
  readonly Config: {
    readonly Hostname: string;
    readonly User: string;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly WorkingDir: string;
    readonly StopSignal: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
}

/** As far as tests look at `GET /tasks`. */
export interface ListedTask {
  readonly ID: string;
  readonly ServiceID: string;
  readonly NodeID: string;
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID: string; readonly ExitCode: number };
  };
}

export async function tasksOf(node: TestNode, service: string): Promise<readonly ListedTask[]> {
  const filters = encodeURIComponent(JSON.stringify({ service: { [service]: true } }));
  return await node.client.call({ method: 'GET', path: `/v1.41/tasks?filters=${filters}` });
}

/** The first task of a service for which it is so. */
export async function untilTask(
  node: TestNode,
  service: string,
  isSo: (task: ListedTask) => boolean,
): Promise<ListedTask> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    const tasks = await tasksOf(node, service);
    const found = tasks.find(isSo);
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) {
      throw new Error(`no task of ${service} came to it in time: ${JSON.stringify(tasks)}`);
    }
    await sleep(pollMs);
  }
}

export function untilRunning(node: TestNode, service: string): Promise<ListedTask> {
  return untilTask(
    node,
    service,
    (task) => task.Status.State === 'running' && task.DesiredState === 'running',
  );
}

export async function inspectTask(node: TestNode, task: ListedTask): Promise<InspectedContainer> {
  const id = task.Status.ContainerStatus?.ContainerID ?? '';
  const [found] = JSON.parse(await node.docker('inspect', id)) as readonly InspectedContainer[];
  if (found === undefined) throw new Error(`no container ${id}`);
  return found;
}
