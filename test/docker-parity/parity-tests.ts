import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type DockerClient, findDockerClients } from '../../tools/engine/docker-clients.ts';
import { compare, type Comparison } from './compare.ts';
import { differencesFor } from './differences.ts';
import { runScenario } from './run-scenario.ts';
import { scenario } from './scenario.ts';
import { nameOf } from './step.ts';

/**
 * Gives the same commands of one docker client to Docker Swarm and to Tutti, and holds each
 * command's output beside the other's.
 */
export async function defineParityTests(
  pick: (clients: readonly DockerClient[]) => DockerClient | undefined,
): Promise<void> {
  const client = pick(await findDockerClients());
  const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
  const skip = client === undefined ? 'this machine has no such docker client' : false;
  const version = client?.version ?? 'none';
  const differences = differencesFor(version);
  const comparisons: Comparison[] = [];
  before(
    async () => {
      if (client === undefined) return;
      const pairs = await runScenario({ engineSocket, client: client.path });
      const compared = pairs.filter(({ step }) => step.compared);
      comparisons.push(...compared.map((pair) => compare(pair, differences)));
    },
    { timeout: 550_000 },
  );
  for (const [index, step] of scenario.filter((one) => one.compared).entries()) {
    test(`${version}: ${nameOf(step)} says what Swarm says`, { skip }, () => {
      const comparison = comparisons[index];
      assert.ok(comparison !== undefined, 'the scenario did not come to this command');
      assert.equal(comparison.tutti, comparison.swarm);
    });
  }
  test(`${version}: every listed difference still occurs`, { skip }, () => {
    const used = new Set(comparisons.flatMap((comparison) => [...comparison.used]));
    const stale = differences.filter((difference) => !used.has(difference));
    assert.deepEqual(
      stale.map((difference) => difference.reason),
      [],
    );
  });
}
