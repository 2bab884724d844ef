import { until, type UpgradeSite } from './upgrade-site.ts';

const image = 'tutti-test/busybox:1';
const answerLimitMs = 8_000;

interface TaskReply {
  readonly Status: { readonly State: string };
  readonly DesiredState: string;
  readonly Spec: { readonly ContainerSpec: { readonly Env?: readonly string[] } };
}

/** Deploys, scales, updates and removes a service, as people do in the middle of an upgrade. */
export async function exercise(
  site: UpgradeSite,
  { program, report }: { readonly program: string; readonly report: (line: string) => void },
): Promise<void> {
  const from = Date.now();
  const manager = await oneThatAnswers(site);
  const docker = (line: string) => site.playground.docker(manager, ...line.split(' '));
  const untilRun = (count: number, env?: string) =>
    until(`${program}: ${count} tasks of canary run`, async () => {
      const tasks = await tasksOf(site, manager);
      const running = tasks.filter(
        ({ Status, DesiredState, Spec }) =>
          Status.State === 'running' &&
          DesiredState === 'running' &&
          (env === undefined || Spec.ContainerSpec.Env?.includes(env) === true),
      );
      return running.length === count;
    });
  const create = 'service create --detach --no-resolve-image --network app --name canary';
  await docker(`${create} --replicas 2 --update-monitor 200ms ${image} obey`);
  await untilRun(2);
  await docker('service scale --detach canary=3');
  await untilRun(3);
  await docker('service update --detach --env-add COLOUR=green canary');
  await untilRun(3, 'COLOUR=green');
  await docker('service rm canary');
  await until(`${program}: canary is gone`, async () => {
    const containers = await site.containers();
    return containers.every(({ service }) => service !== 'canary');
  });
  report(
    `  ${program}: a service was deployed, scaled, updated and removed through ${manager} ` +
      `in ${Date.now() - from} ms`,
  );
}

/** The last one that does: it was upgraded first, if any was. */
async function oneThatAnswers(site: UpgradeSite): Promise<string> {
  for (const manager of site.managers.toReversed()) {
    const signal = AbortSignal.timeout(answerLimitMs);
    const answers = await site.playground
      .client(manager)
      .call({ method: 'GET', path: '/v1.41/nodes', signal })
      .then(
        () => true,
        () => false,
      );
    if (answers) return manager;
  }
  throw new Error('no manager answers');
}

async function tasksOf(site: UpgradeSite, manager: string): Promise<readonly TaskReply[]> {
  const filters = encodeURIComponent(JSON.stringify({ service: ['canary'] }));
  return await site.playground
    .client(manager)
    .call<readonly TaskReply[]>({
      method: 'GET',
      path: `/v1.41/tasks?filters=${filters}`,
      signal: AbortSignal.timeout(answerLimitMs),
    })
    .catch(() => []);
}
