import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type DockerClient, findDockerClients } from '../../tools/engine/docker-clients.ts';
import { compare, type Comparison, type Listed } from './compare.ts';
import { differencesFor } from './differences.ts';
import { refusalsFor } from './refusals.ts';
import { runScenario } from './run-scenario.ts';
import { scenario } from './scenario.ts';
import { nameOf, stepsOf } from './step.ts';

const runLimitMs = 550_000;

/**
 * Gives the same commands of docker clients to Docker Swarm and to Tutti, and holds each command's
 * output beside the other's. The clients go through it at the same time, each with its own engine.
 */
export async function defineParityTests(versions: readonly RegExp[]): Promise<void> {
  const clients = await findDockerClients();
  const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
  const runs = new Map<RegExp, Promise<readonly Comparison[]>>();
  const wantedClients = versions.map((wanted) => {
    const client = clients.find(({ version }) => wanted.test(version));
    return { wanted, client, listed: listedFor(client?.version ?? '') };
  });
  before(
    async () => {
      for (const { wanted, client, listed } of wantedClients) {
        if (client !== undefined) runs.set(wanted, compareAll(client, { engineSocket, listed }));
      }
      await Promise.all(runs.values());
    },
    { timeout: runLimitMs },
  );
  for (const { wanted, client, listed } of wantedClients) {
    const name = client?.version ?? String(wanted);
    const skip = client === undefined ? 'this machine has no such docker client' : false;
    describe(`docker ${name}`, { skip }, () =>
      holdTogether(listed, async () => (await runs.get(wanted)) ?? []),
    );
  }
}

function listedFor(clientVersion: string): Listed {
  return {
    differences: differencesFor(clientVersion),
    refusals: refusalsFor(clientVersion),
  };
}

async function compareAll(
  client: DockerClient,
  { engineSocket, listed }: { readonly engineSocket: string; readonly listed: Listed },
): Promise<readonly Comparison[]> {
  const pairs = await runScenario({ engineSocket, client: client.path });
  return pairs.filter(({ step }) => step.compared).map((pair) => compare(pair, listed));
}

function holdTogether(listed: Listed, run: () => Promise<readonly Comparison[]>): void {
  const compared = stepsOf(scenario).filter((step) => step.compared);
  for (const [index, step] of compared.entries()) {
    test(`${nameOf(step)} says what Swarm says`, async () => {
      const comparison = (await run())[index];
      assert.ok(comparison !== undefined, 'the scenario did not come to this command');
      assert.equal(comparison.tutti, comparison.swarm);
    });
  }
  test('every listed difference still occurs', async () => {
    const used = new Set((await run()).flatMap((comparison) => [...comparison.used]));
    const differences = listed.differences.filter((one) => !used.has(one));
    const refusals = listed.refusals.filter((one) => !used.has(one));
    assert.deepEqual(
      [...differences.map(({ reason }) => reason), ...refusals.map(({ command }) => command)],
      [],
    );
  });
}
