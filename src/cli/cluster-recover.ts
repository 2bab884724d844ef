import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../lib/error.ts';
import type { ManagerOutlook, RecoveryOutlook } from '../model/recovery.ts';
import { type CliContext, exitCodes } from './context.ts';
import { renderTable } from './table.ts';

const recoveryPath = '/tutti/v1/recovery';
const word = 'recover';
/** What a locked manager says to do. */
const unlockCommand = 'docker swarm unlock';
const lookEveryMs = 200;
/** A question that the manager before has not answered is asked of the one after it. */
const answerLimitMs = 8_000;

export interface RecoverOptions {
  readonly plan: boolean;
  readonly yes: boolean;
  readonly timeoutMs: number;
}

/** `tutti cluster recover`: asks first, begins, and waits until the cluster takes writes again. */
export async function clusterRecover(
  context: CliContext,
  { plan, yes, timeoutMs }: RecoverOptions,
): Promise<number> {
  const { client, output, json, signal } = context;
  if (plan && yes) {
    const message = '--plan changes nothing, and --yes lets it: give one of them';
    throw new TuttiError('invalid-argument', message, { field: '--plan' });
  }
  const outlook = await readOutlook(context);
  if (outlook.refusal !== undefined) {
    const { message, hint } = outlook.refusal;
    throw new TuttiError('failed-precondition', message, { hint });
  }
  if (json && plan) output.write(`${JSON.stringify({ ...outlook, exitCode: 0 })}\n`);
  else if (!json) tellPlan(context, outlook);
  if (plan) return exitCodes.success;
  if (!yes && !(await isConfirmed(context))) {
    output.note('nothing was changed\n');
    return exitCodes.failure;
  }
  const begunAt = Date.now();
  await client.call({ method: 'POST', path: recoveryPath, body: {}, signal });
  if (!json) output.note('this manager goes on alone; waiting until it leads\n');
  const why = await untilItLeads(context, begunAt + timeoutMs);
  if (why !== undefined) return tellLate(context, why);
  const tookMs = Date.now() - begunAt;
  if (json) {
    output.write(`${JSON.stringify({ ...outlook, tookMs, exitCode: exitCodes.success })}\n`);
    return exitCodes.success;
  }
  output.write(
    `cluster ${outlook.clusterId} takes writes again after ${(tookMs / 1_000).toFixed(1)} s, ` +
      'with this manager alone\n',
  );
  output.note('Add managers: docker swarm join-token manager. What is wrong: tutti status.\n');
  return exitCodes.success;
}

async function readOutlook({ client, signal }: CliContext): Promise<RecoveryOutlook> {
  try {
    return await client.call<RecoveryOutlook>({ method: 'GET', path: recoveryPath, signal });
  } catch (reason) {
    const error = TuttiError.from(reason);
    const isLocked = error.message.includes(unlockCommand);
    if (error.code !== 'unavailable' || error.hint !== undefined || isLocked) throw error;
    throw new TuttiError('failed-precondition', error.message, {
      hint: 'Recover on a manager that is left; where none is, restore a backup: tutti restore.',
      cause: reason,
    });
  }
}

function tellPlan({ output }: CliContext, outlook: RecoveryOutlook): void {
  const { clusterId, managers, revision } = outlook;
  output.write(`cluster ${clusterId} goes on with one manager:\n`);
  const rows = managers.map((manager) => [
    manager.hostname ?? manager.nodeId,
    manager.address,
    fateOf(manager),
  ]);
  output.write(renderTable(['MANAGER', 'ADDRESS', 'BECOMES'], rows, output.paint));
  const upTo =
    revision === undefined
      ? 'all that is on the disk of this manager'
      : `all that this manager knows, up to revision ${revision}`;
  output.write(`kept: ${upTo}\nlost: what only lost managers knew: writes of the last moment\n`);
  output.note(
    'A snapshot of the state is written first. The machines of lost managers must be off: two ' +
      'that\nreach each other and not this one would go on as a second cluster.\n',
  );
}

function fateOf({ isSelf, answers }: ManagerOutlook): string {
  if (isSelf) return 'the only manager';
  return answers
    ? 'a worker, because it answers; promote it again afterwards'
    : 'a worker that is down, its tasks run elsewhere';
}

async function isConfirmed({ json, signal }: CliContext): Promise<boolean> {
  if (json || !process.stdin.isTTY) {
    throw new TuttiError('invalid-argument', 'this is asked for once more, and nobody can answer', {
      field: '--yes',
      hint: 'Give --yes where a script has made sure that the other managers are lost.',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new AbortController();
  lines.once('SIGINT', () => interrupted.abort());
  try {
    const stop = AbortSignal.any([signal, interrupted.signal]);
    const typed = await lines.question(`Type "${word}" to go on: `, { signal: stop });
    return typed.trim() === word;
  } finally {
    lines.close();
  }
}

function tellLate({ output, json }: CliContext, why: string): number {
  if (json) output.write(`${JSON.stringify({ why, exitCode: exitCodes.timeout })}\n`);
  output.note(
    `the manager does not lead yet: ${why}\nIt goes on trying; manager/manager.log in its data ` +
      'directory says what it waits for.\n',
  );
  return exitCodes.timeout;
}

/** The manager restarts meanwhile. Undefined: it leads; else what it said last. */
async function untilItLeads(
  { client, signal }: CliContext,
  giveUpAt: number,
): Promise<string | undefined> {
  for (;;) {
    const why = await leads();
    if (why === undefined) return undefined;
    signal.throwIfAborted();
    if (why.includes(unlockCommand)) {
      throw new TuttiError('failed-precondition', 'the manager waits for its unlock key', {
        hint: 'Unlock it with `docker swarm unlock`: it goes on with the recovery then.',
      });
    }
    if (Date.now() > giveUpAt) return why;
    await sleep(lookEveryMs);
  }

  async function leads(): Promise<string | undefined> {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(answerLimitMs)]);
    try {
      await client.call({ method: 'GET', path: '/nodes', signal: stop });
      return undefined;
    } catch (error) {
      return TuttiError.from(error).message;
    }
  }
}
