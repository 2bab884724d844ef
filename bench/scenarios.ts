import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../src/client/api-client.ts';
import { ContainerEvents } from './container-events.ts';
import {
  containers,
  createNetwork,
  createService,
  docker,
  type Orchestrator,
  removeService,
  scaleService,
} from './orchestrator.ts';

/** Milliseconds of each thing that was timed, by its name. */
export type Timings = Readonly<Record<string, number>>;

const votingTasks = 7;
const pollMs = 50;

/** Runs the work and returns how long it took until the engine showed that many events. */
async function timed(
  engineSocket: string,
  what: { readonly action: string; readonly count: number; work(): Promise<unknown> },
): Promise<number> {
  using events = await ContainerEvents.open(engineSocket);
  await sleep(pollMs);
  const startedAt = performance.now();
  await Promise.all([what.work(), events.reached(what.action, what.count)]);
  return performance.now() - startedAt;
}

async function untilEmpty(engineSocket: string): Promise<void> {
  while ((await containers(engineSocket, { all: true })).length > 0) await sleep(pollMs);
}

/** One round of everything on one orchestrator, which is left as it was found. */
export async function round(
  on: Orchestrator,
  options: { readonly engineSocket: string; readonly stackFile: string; readonly turn: number },
): Promise<Timings> {
  const { engineSocket, stackFile, turn } = options;
  const deploy = await timed(engineSocket, {
    action: 'start',
    count: votingTasks,
    work: () => docker(on, ['stack', 'deploy', '-c', stackFile, 'bench']),
  });
  // A database that is told to stop while it initialises takes its time, whoever tells it.
  await sleep(3_000);
  await docker(on, ['stack', 'rm', 'bench']);
  await untilEmpty(engineSocket);
  const networkId = await createNetwork(on, `net-${turn}`);
  const name = `svc-${turn}`;
  const replicas20 = await timed(engineSocket, {
    action: 'start',
    count: 20,
    work: () => createService(on, { name, replicas: 20, networkId }),
  });
  const [victim] = await containers(engineSocket, { all: false });
  const replaced = await timed(engineSocket, {
    action: 'start',
    count: 1,
    work: () =>
      new ApiClient(engineSocket).call({
        method: 'POST',
        path: `/v1.41/containers/${victim}/kill`,
      }),
  });
  const removed = await timed(engineSocket, {
    action: 'die',
    count: 20,
    work: () => removeService(on, name),
  });
  await untilEmpty(engineSocket);
  await createService(on, { name: `${name}-s`, replicas: 5, networkId });
  while ((await containers(engineSocket, { all: false })).length < 5) await sleep(pollMs);
  await sleep(1_000);
  const scaled = await timed(engineSocket, {
    action: 'start',
    count: 15,
    work: () => scaleService(on, { name: `${name}-s`, replicas: 20, networkId }),
  });
  await removeService(on, `${name}-s`);
  await untilEmpty(engineSocket);
  while (
    !(await docker(on, ['network', 'rm', `net-${turn}`]).then(
      () => true,
      () => false,
    ))
  ) {
    await sleep(pollMs);
  }
  return {
    'voting stack': deploy,
    '20 replicas': replicas20,
    'scale 5 → 20': scaled,
    'killed container replaced': replaced,
    'service of 20 removed': removed,
  };
}

/**
 * The engine's own limit: the same 20 containers on one bridge, straight on its API, in parallel.
 */
export async function engineAlone(engineSocket: string, turn: number): Promise<Timings> {
  const client = new ApiClient(engineSocket);
  const network = `alone-${turn}`;
  await client.call({
    method: 'POST',
    path: '/v1.41/networks/create',
    body: { Name: network, Driver: 'bridge' },
  });
  const ids: string[] = [];
  const one = async (index: number): Promise<void> => {
    const { Id } = await client.call<{ readonly Id: string }>({
      method: 'POST',
      path: `/v1.41/containers/create?name=${network}-${index}`,
      body: { Image: 'tutti-test/busybox:1', Cmd: ['obey'], HostConfig: { NetworkMode: network } },
    });
    ids.push(Id);
    await client.call({ method: 'POST', path: `/v1.41/containers/${Id}/start` });
  };
  const all = await timed(engineSocket, {
    action: 'start',
    count: 20,
    work: () => Promise.all(Array.from({ length: 20 }, (_, index) => one(index))),
  });
  await Promise.all(
    ids.map((id) => client.call({ method: 'DELETE', path: `/v1.41/containers/${id}?force=1&v=1` })),
  );
  await client.call({ method: 'DELETE', path: `/v1.41/networks/${network}` });
  return { '20 replicas': all };
}
