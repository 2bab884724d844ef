import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';
import { type Finished, runApart } from '../fixture/run-apart.ts';
import type { DisasterSite } from './site.ts';

/** `tutti …` at the daemon of a host; it must succeed. */
export async function tutti(
  { site }: Pick<DisasterSite, 'site'>,
  ...[host, ...words]: readonly [string, ...string[]]
): Promise<string> {
  return outputOf(await tryTutti({ site }, host, ...words), words);
}

export async function tryTutti(
  { site }: Pick<DisasterSite, 'site'>,
  ...[host, ...words]: readonly [string, ...string[]]
): Promise<Finished> {
  const { apiSocket } = site.playground.host(host);
  return await runApart(tuttiCommand, ['--socket', apiSocket, ...words]);
}

/** `tutti …` without a daemon; it must succeed. */
export async function tuttiAlone(...words: readonly string[]): Promise<string> {
  return outputOf(await runApart(tuttiCommand, words), words);
}

function outputOf({ code, stdout, stderr }: Finished, words: readonly string[]): string {
  assert.equal(code, 0, `tutti ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** Lets a host in, with the token of its role, as `docker swarm join-token` says it. */
export async function join(
  disaster: DisasterSite,
  { host, through }: { readonly host: string; readonly through: string },
): Promise<void> {
  const { playground } = disaster.site;
  const { role } = playground.host(host);
  const token = await playground.docker(through, 'swarm', 'join-token', '--quiet', role);
  const address = `${playground.host(through).address}:2377`;
  await playground
    .docker(host, 'swarm', 'join', '--token', token, address)
    .catch((error: Error) => {
      if (!error.message.includes('continue in the background')) throw error;
    });
  const state = ['info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}'];
  await disaster.until(`${host} joined`, async () => {
    return (await playground.docker(host, ...state)) === `active ${String(role === 'manager')}`;
  });
}

/** Hosts without power become other machines of their names and addresses. */
export async function forgetEverything(
  { site }: DisasterSite,
  hosts: readonly string[],
): Promise<void> {
  for (const host of hosts) await rm(site.dataDirectory(host), { recursive: true });
}

/** What the engine of a machine that is new would not have. */
export async function removeContainers(
  { site }: DisasterSite,
  hosts: readonly string[],
): Promise<void> {
  for (const host of hosts) {
    const ids = await site.playground.engine(host, 'ps', '--all', '--quiet');
    if (ids === '') continue;
    await site.playground.engine(host, 'rm', '--force', '--volumes', ...ids.split('\n'));
  }
}
