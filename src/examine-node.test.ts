import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withNodeExamination } from './examine-node.ts';
import type { HttpRequest } from './host/http.ts';
import type { NodeNetwork } from './host/node-network.ts';
import { TuttiError } from './lib/error.ts';
import type { NetworkReportStep } from './model/network-report.ts';

const quiet = () => undefined;
const nobodyWaits = async () => await Promise.reject(new Error('nobody waits here'));
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function lookBy(examine: NodeNetwork['examine']): Promise<readonly NetworkReportStep[]> {
  const handle = withNodeExamination(
    {
      network: { examine } as NodeNetwork,
      clock: { now: () => 0, sleep: nobodyWaits, turn: nobodyWaits },
      logger,
      agent: { nodeId: 'n', description: { hostname: 'node-1', address: '192.0.2.1' } },
      membership: { state: { kind: 'alone' } } as never,
    },
    async () => assert.fail(),
  );
  const { signal } = new AbortController();
  const request = { method: 'GET', path: '/tutti/v1/doctor/node', signal } as HttpRequest;
  const reply = await handle(request);
  assert.ok(reply?.kind === 'stream');
  let text = '';
  for await (const chunk of reply.chunks) text += String(chunk);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as NetworkReportStep);
}

test('a node that cannot look at its network says why, by its name', async () => {
  const steps = await lookBy(async () => {
    throw new TuttiError('unavailable', 'the container engine is away');
  });
  const [first, last, ...more] = steps;
  assert.deepEqual(first, { kind: 'progress', asked: 1, waitingFor: ['node-1'] });
  assert.ok(last?.kind === 'report');
  const [finding] = last.report.findings;
  assert.equal(finding?.subject, 'node-1');
  assert.match(finding.message, /the container engine is away/);
  assert.deepEqual(more, []);
});
