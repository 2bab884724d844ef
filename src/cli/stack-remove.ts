import type { StackChange } from '../model/stack.ts';
import { type CliContext, exitCodes } from './context.ts';
import { describeTask, waitForStack } from './stack-progress.ts';

export interface StackRemoveOptions {
  readonly stack: string;
  readonly detach: boolean;
  readonly timeoutMs: number;
}

/**
 * `tutti stack rm STACK`: removes everything that carries the stack's name, and waits until it is
 * gone.
 */
export async function stackRemove(
  context: CliContext,
  options: StackRemoveOptions,
): Promise<number> {
  const { changes } = await context.client.call<{ readonly changes: readonly StackChange[] }>({
    method: 'DELETE',
    path: `/tutti/v1/stacks/${encodeURIComponent(options.stack)}`,
  });
  if (!context.json) {
    for (const change of changes) context.output.note(`remove ${change.kind} ${change.name}\n`);
  }
  if (options.detach) {
    if (context.json) context.output.write(`${JSON.stringify({ changes })}\n`);
    return exitCodes.success;
  }
  const { report, exitCode } = await waitForStack(context, {
    stack: options.stack,
    timeoutMs: options.timeoutMs,
    done: (one) => one.services.length + one.networks.length + one.tasks.length === 0,
  });
  if (context.json) context.output.write(`${JSON.stringify({ changes, exitCode })}\n`);
  else if (exitCode === exitCodes.success) context.output.write(`${options.stack} is gone\n`);
  else context.output.write(`still there:\n${report.tasks.map(describeTask).join('\n')}\n`);
  return exitCode;
}
