import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RebalancePlan } from '../../src/model/rebalance.ts';
import type { DrainReport, NodeInspection, NodeReport } from '../../src/model/report.ts';
import type { CliNode } from './cli-node.ts';

const image = 'tutti-test/busybox:1';

const document = `
services:
  web: { image: ${image}, command: sleep 1d, init: true, deploy: { replicas: 3 } }
  each: { image: ${image}, command: sleep 1d, init: true, deploy: { mode: global } }
`;

/** One node: what a drain takes away has no other place. */
export function registerNodeTests(cli: () => CliNode): void {
  describe('a node', () => {
    before(async () => {
      await cli().write('drained.yml', document);
      await cli().good('stack', 'deploy', '-c', 'drained.yml', 'dr');
    });
    after(async () => {
      await cli().call(['node', 'activate', 'self']);
      await cli().good('stack', 'rm', 'dr');
    });

    test('is listed and shown with its tasks', async () => {
      const nodes = (await cli().json(0, 'node', 'ls')) as readonly NodeReport[];
      assert.deepEqual(
        nodes.map(({ hostname, availability, state }) => [hostname, availability, state]),
        [['node-1', 'active', 'ready']],
      );
      const shown = (await cli().json(0, 'node', 'inspect', 'self')) as NodeInspection;
      const tasks = shown.onIt.filter(({ service }) => service.startsWith('dr_'));
      assert.deepEqual(
        tasks.map(({ name }) => name),
        ['dr_each.node-1', 'dr_web.1', 'dr_web.2', 'dr_web.3'],
      );
      assert.match(await cli().good('node', 'ls'), /^NODE +ID +ROLE.*\nnode-1 .* manager /);
      assert.match(await cli().good('node', 'inspect', 'node-1'), /\ndr_web\.1 .* running/);
    });

    test('that is paused keeps its tasks', async () => {
      assert.match(await cli().good('node', 'pause', 'node-1'), /gets no new tasks/);
      assert.equal(await running(cli()), 4);
      assert.match(await cli().good('node', 'activate', 'node-1'), /takes tasks/);
    });

    test('that is drained is empty in the end, and says what has no other place', async () => {
      const { code, stdout, stderr } = await cli().call(['node', 'drain', 'node-1']);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'node-1 is empty\n');
      assert.match(
        stderr,
        /3 tasks found no other place:\n {2}dr_web\.1 pending: no suitable node/,
      );
      assert.match(stderr, /run on every node, and stopped here: dr_each\n/);
      assert.equal(await running(cli()), 0);
      const again = (await cli().json(0, 'node', 'drain', 'node-1')) as DrainReport;
      assert.deepEqual([again.left, again.waiting.length], [[], 3]);
    });

    test('gets its tasks back once it is active', async () => {
      await cli().good('node', 'activate', 'node-1');
      await cli().node.untilStack('dr');
      assert.equal(await running(cli()), 4);
    });

    test('that is alone leaves nothing to balance', async () => {
      assert.match(await cli().good('rebalance'), /^nothing to move/);
      const plan = (await cli().json(0, 'rebalance', '--plan', 'dr_web')) as RebalancePlan;
      assert.deepEqual([plan.moves, plan.kept], [[], []]);
      assert.equal(await cli().good('rebalance', '--stop'), 'no rebalance is under way\n');
    });
  });
}

/** Containers of the stack that run. */
async function running(cli: CliNode): Promise<number> {
  const filter = 'label=com.docker.stack.namespace=dr';
  const ids = await cli.node.docker('ps', '--quiet', '--filter', filter);
  return ids.split('\n').filter((id) => id !== '').length;
}
