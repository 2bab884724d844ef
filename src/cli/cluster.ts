import type { CliContext } from './context.ts';

interface InfoReply {
  readonly Swarm?: { readonly LocalNodeState?: string };
}

/** Whether this machine is in a cluster, in Docker's words: `inactive` means it is in none. */
export async function readCluster(context: CliContext): Promise<{ readonly state: string }> {
  const { signal } = context;
  const info = await context.client.call<InfoReply>({ method: 'GET', path: '/info', signal });
  return { state: info.Swarm?.LocalNodeState ?? 'inactive' };
}

/**
 * Makes a cluster of this one machine, which no other reaches, where there is none yet; says so.
 */
export async function ensureCluster(context: CliContext): Promise<void> {
  const { state } = await readCluster(context);
  if (state !== 'inactive') return;
  const body = { ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1:2377' };
  await context.client.call({ method: 'POST', path: '/swarm/init', body });
  if (!context.json) context.output.note('made a cluster of this machine\n');
}
