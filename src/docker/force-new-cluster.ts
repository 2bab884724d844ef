import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { parseHostPort } from '../lib/host-port.ts';
import type { RecoveryOutlook } from '../model/recovery.ts';
import { alreadyInCluster } from './already-in-cluster.ts';
import type { DaemonContext } from './daemon-context.ts';
import { refuse } from './refuse.ts';
import { jsonReply } from './reply.ts';
import { type DockerRequest, readDocument } from './request.ts';
import { initSchema } from './schema-swarm.ts';

const recoveryPath = '/tutti/v1/recovery';
const lookEveryMs = 100;
const leadLimitMs = 120_000;

/**
 * `swarm init` on a manager beside others: with `--force-new-cluster` it goes on without them. The
 * CLI asks for the join token next, so that the answer comes when the manager leads.
 */
export async function forceNewCluster(
  context: DaemonContext,
  request: DockerRequest,
): Promise<HttpReply> {
  const document = await readDocument(request, initSchema);
  if (document.ForceNewCluster !== true) throw alreadyInCluster();
  const outlook = await ask<RecoveryOutlook>(context, { request, method: 'GET' });
  const self = outlook.managers.find(({ isSelf }) => isSelf);
  checkAddress(document.AdvertiseAddr ?? '', self?.address ?? '');
  // What a script may do twice.
  if (outlook.managers.length === 1 && outlook.refusal !== undefined) {
    return jsonReply(outlook.nodeId);
  }
  await ask(context, { request, method: 'POST' });
  const { signal } = request.http;
  const giveUpAt = context.clock.now() + leadLimitMs;
  while (!(await leads(context, signal))) {
    if (context.clock.now() > giveUpAt) throw leadsNotYet();
    await context.clock.sleep(lookEveryMs, signal);
  }
  return jsonReply(outlook.nodeId);
}

function checkAddress(given: string, own: string): void {
  const asked = parseHostPort(given)?.host ?? '';
  const known = parseHostPort(own)?.host ?? '';
  if (asked === '' || asked === known) return;
  refuse(
    'AdvertiseAddr',
    `this manager is known as ${known}, not as ${asked}`,
    'Leave --advertise-addr out: a recovery changes no address.',
  );
}

async function ask<Reply>(
  { manager }: DaemonContext,
  call: { readonly request: DockerRequest; readonly method: 'GET' | 'POST' },
): Promise<Reply> {
  const { method, request } = call;
  const { signal } = request.http;
  const answer = await manager.call({ method, target: recoveryPath, signal });
  const text = new TextDecoder().decode(answer.body);
  if (answer.status < 300) return JSON.parse(text) as Reply;
  const { message, hint } = JSON.parse(text) as { message: string; hint?: string };
  const code = answer.status === 400 ? 'failed-precondition' : 'unavailable';
  throw new TuttiError(code, message, hint === undefined ? {} : { hint });
}

async function leads({ manager }: DaemonContext, signal: AbortSignal): Promise<boolean> {
  try {
    return (await manager.call({ method: 'GET', target: '/nodes', signal })).status === 200;
  } catch (error) {
    // It restarts.
    if (TuttiError.from(error).code === 'unavailable') return false;
    throw error;
  }
}

function leadsNotYet(): TuttiError {
  return new TuttiError('unavailable', 'the manager goes on alone, and does not lead yet', {
    hint: 'It goes on trying; its log says what it waits for.',
  });
}
