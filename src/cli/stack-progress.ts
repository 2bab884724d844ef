import type { StackReport } from '../model/report.ts';
import type { CliContext } from './context.ts';
import { follow, type FollowOutcome } from './follow.ts';
import type { Judge } from './judge.ts';
import { openScreen, type Waiting } from './screen.ts';

export interface WaitOptions {
  readonly stack: string;
  readonly timeoutMs: number;
  readonly judge: Judge<StackReport>;
  readonly waiting: Waiting;
}

/**
 * Follows a stack until the judge says that it is over, or the time is, and shows progress.
 *
 * @throws TuttiError as `follow` does.
 */
export function waitForStack(
  context: CliContext,
  options: WaitOptions,
): Promise<FollowOutcome<StackReport>> {
  const { stack, timeoutMs, judge, waiting } = options;
  return follow(context, {
    path: `/tutti/v1/stacks/${encodeURIComponent(stack)}/watch`,
    timeoutMs,
    judge,
    screen: openScreen(context, waiting),
    hint: `tutti stack ps ${stack} shows how far it is.`,
  });
}
