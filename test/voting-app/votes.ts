import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestNode } from '../fixture/test-node.ts';

const countLimitMs = 30_000;
const pollMs = 50;

/** Waits until the result page has counted so many votes; more would be as wrong as fewer. */
export async function untilCounted(resultPage: string, votes: number): Promise<void> {
  const giveUpAt = Date.now() + countLimitMs;
  for (;;) {
    const reply = await fetch(new URL('/api/results', resultPage));
    const { total } = (await reply.json()) as { readonly total: number };
    if (total === votes) return;
    assert.ok(total < votes && Date.now() < giveUpAt, `${total} votes instead of ${votes}`);
    await sleep(pollMs);
  }
}

/** Waits until a page is served: without a health check, a container that runs may still start. */
export async function untilServed(page: string): Promise<void> {
  const giveUpAt = Date.now() + countLimitMs;
  for (;;) {
    const served = await fetch(page).then(
      (reply) => reply.ok,
      () => false,
    );
    if (served) return;
    assert.ok(Date.now() < giveUpAt, `${page} is not served`);
    await sleep(pollMs);
  }
}

/** The rows of the table of votes, as the database itself counts them. */
export async function countRows(node: TestNode, stack: string): Promise<number> {
  const query = ['psql', '-U', 'postgres', '-t', '-A', '-c', 'select count(*) from votes'];
  return Number(await node.docker('exec', await databaseContainer(node, stack), ...query));
}

/** Where the database listens on the network `backend` of its stack. */
export async function databaseAddress(node: TestNode, stack: string): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  const container = await databaseContainer(node, stack);
  const addresses = await node.docker('inspect', '--format', format, container);
  return addresses.trim().split(' ')[0] ?? '';
}

async function databaseContainer(node: TestNode, stack: string): Promise<string> {
  const filter = `label=com.docker.swarm.service.name=${stack}_db`;
  return await node.docker('ps', '--quiet', '--filter', filter);
}
