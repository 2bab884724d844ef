import type { StackChange } from '../model/stack.ts';
import { TuttiError } from '../lib/error.ts';
import { stackLabel } from '../model/labels.ts';
import { readCluster } from './cluster.ts';
import { type CliContext, exitCodes } from './context.ts';
import { describeTask } from './describe.ts';
import { RemovalJudge } from './judge.ts';
import { describeChange } from './stack-changes.ts';
import { waitForStack } from './stack-progress.ts';

export interface StackRemoveOptions {
  readonly stack: string;
  readonly detach: boolean;
  readonly timeoutMs: number;
}

/**
 * `tutti stack rm STACK`: removes everything that carries the stack's name, and waits until it is
 * gone. Volumes stay.
 */
export async function stackRemove(
  context: CliContext,
  options: StackRemoveOptions,
): Promise<number> {
  const { stack } = options;
  const { output, json } = context;
  if ((await readCluster(context)).state === 'inactive') {
    throw new TuttiError('not-found', `no such stack: ${stack}; this machine is in no cluster`, {
      field: 'stack',
    });
  }
  const { changes } = await context.client.call<{ readonly changes: readonly StackChange[] }>({
    method: 'DELETE',
    path: `/tutti/v1/stacks/${encodeURIComponent(stack)}`,
    signal: context.signal,
  });
  if (!json) {
    for (const change of changes) output.note(`${describeChange(change, output.notePaint)}\n`);
  }
  if (options.detach) {
    if (json) output.write(`${JSON.stringify({ stack, changes, exitCode: 0 })}\n`);
    return exitCodes.success;
  }
  const { report, exitCode } = await waitForStack(context, {
    stack,
    timeoutMs: options.timeoutMs,
    waiting: 'removal',
    judge: new RemovalJudge(),
  });
  const volumes = await volumesOf(context, stack);
  if (json) {
    output.write(`${JSON.stringify({ stack, changes, volumes, report, exitCode })}\n`);
    return exitCode;
  }
  if (exitCode !== exitCodes.success) {
    const left = [...report.tasks.map(describeTask), ...report.networks];
    output.note(`${stack} is not gone yet; still there:\n  ${left.join('\n  ')}\n`);
    return exitCode;
  }
  output.write(`${stack} is gone\n`);
  if (volumes.length > 0) {
    output.note(`its volumes stay; remove them with: docker volume rm ${volumes.join(' ')}\n`);
  }
  return exitCode;
}

/** Those on this node. */
async function volumesOf(context: CliContext, stack: string): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: [`${stackLabel}=${stack}`] });
  const reply = await context.client.call<{
    readonly Volumes: readonly { readonly Name: string }[] | null;
  }>({ method: 'GET', path: `/volumes?filters=${encodeURIComponent(filters)}` });
  return (reply.Volumes ?? []).map(({ Name }) => Name).toSorted();
}
