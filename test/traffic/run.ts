import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';
import { runApart } from '../fixture/run-apart.ts';
import { TestPlayground } from '../fixture/test-playground.ts';
import { Callers, type Counts } from './callers.ts';

const port = 18_090;
const replicas = 8;
const images = ['tutti-demo/vote:1', 'tutti-demo/vote:2'] as const;
/** Before the first change and after each: what comes late belongs to the change before. */
const restMs = 2_000;
const shownFailures = 8;

export interface TrafficPlan {
  readonly managers: number;
  readonly workers: number;
  readonly rounds: number;
  readonly report: (line: string) => void;
}

export interface TrafficStep extends Counts {
  readonly what: string;
  readonly tookMs: number;
}

export interface TrafficResult {
  readonly steps: readonly TrafficStep[];
}

/**
 * Updates, scales and drains a service while it is asked 400 times a second through all nodes.
 * Counts what fails; only what cannot be carried out throws.
 */
export async function runTraffic(plan: TrafficPlan): Promise<TrafficResult> {
  const { managers, workers, report } = plan;
  await using site = await TestPlayground.up({ name: 'traffic', managers, workers, images });
  const { hosts } = await site.report();
  const docker = (line: string) => site.docker('manager-1', ...line.split(' '));
  const check = 'wget -q -O /dev/null http://127.0.0.1/';
  const create = `service create --no-resolve-image --name vote --replicas ${replicas} --publish ${port}:80`;
  const health =
    '--health-interval 3s --health-start-period 60s --update-monitor 500ms --health-cmd';
  await site.docker('manager-1', ...`${create} ${health}`.split(' '), check, images[0]);
  report(`${hosts.length} nodes and ${replicas} replicas are there`);
  const addresses = hosts.map(({ address }) => address);
  const worker = hosts.findLast(({ role }) => role === 'worker')?.name ?? 'manager-1';
  const tutti = async (...words: readonly string[]) => {
    const { apiSocket } = site.host('manager-1');
    const { code, stderr } = await runApart(tuttiCommand, ['--socket', apiSocket, ...words]);
    assert.equal(code, 0, `tutti ${words.join(' ')}: ${stderr}`);
  };
  const steps: TrafficStep[] = [];
  await using callers = new Callers(addresses, port);
  const during = async (what: string, change: () => Promise<unknown>) => {
    await sleep(restMs);
    const from = Date.now();
    await change().catch(async (error: unknown) => {
      const tasks = await docker(
        'service ps --no-trunc --format {{.Name}}|{{.Node}}|{{.CurrentState}}|{{.Error}} vote',
      );
      report(`${what} failed; tasks:\n${tasks}`);
      throw error;
    });
    const tookMs = Date.now() - from;
    await sleep(restMs);
    const step = { what, tookMs, ...(await callers.take()) };
    steps.push(step);
    for (const line of describe(step, from)) report(line);
  };
  const update = 'service update --no-resolve-image';
  for (let round = 0; round < plan.rounds; round += 1) {
    await during('update, start-first', () =>
      docker(`${update} --update-order start-first --image ${images[1]} vote`),
    );
    await during('update, stop-first', () =>
      docker(
        `${update} --update-order stop-first --update-parallelism 2 --image ${images[0]} vote`,
      ),
    );
    await during('scale down', () => docker('service scale vote=3'));
    await during('scale up', () => docker(`service scale vote=${replicas}`));
    await during('drain of a node', () => tutti('node', 'drain', worker));
    await during('its return, and a rebalance', async () => {
      await tutti('node', 'activate', worker);
      await tutti('rebalance', 'vote', '--timeout', '90s');
    });
  }
  return { steps };
}

function describe(step: TrafficStep, from: number): readonly string[] {
  const { what, tookMs, kept, fresh, failures } = step;
  const line = `${what}: ${tookMs} ms, ${kept} requests on kept and ${fresh} on new connections, ${failures.length} failed`;
  const shown = failures.slice(0, shownFailures);
  return [
    line,
    ...shown.map(({ at, kind, host, why }) => `  after ${at - from} ms, ${kind}, ${host}: ${why}`),
  ];
}
