import type { Instant } from '../model/instant.ts';
import type { StandIn } from '../model/stand-in.ts';
import { adoptStandIns } from '../orchestrator/adopt.ts';
import { applySteps } from '../orchestrator/step.ts';
import type { Transaction } from '../store/view.ts';
import { type ObservedState, shiftTimes } from './observed-state.ts';
import type { Hello } from './sessions.ts';
import type { WriteContext } from './writer.ts';

/**
 * Takes over what a node made while it had no manager: rows, ends and counters in one transaction,
 * before anybody plans what follows from them.
 */
export function adoptFromNode(
  tx: Transaction,
  told: {
    readonly nodeId: string;
    readonly hello: Hello;
    readonly observed: ObservedState;
    readonly context: WriteContext;
  },
): void {
  const { nodeId, hello, context } = told;
  const { now, touched } = context;
  const times = { sentAt: hello.sentAt, receivedAt: now };
  const seen = new Map(hello.tasks.map((task) => [task.taskId, shiftTimes(task, times)]));
  const shift = (at: Instant): Instant => Math.min(now, at + now - hello.sentAt);
  const standIns = (hello.standIns ?? []).map(
    (one): StandIn => ({
      ...one,
      createdAt: shift(one.createdAt),
      restarts: one.restarts.map(shift),
    }),
  );
  for (const originId of new Set(standIns.map((one) => one.originId))) {
    const plan = adoptStandIns(tx, originId, {
      nodeId,
      standIns,
      observed: (taskId) => seen.get(taskId),
      runningSince: (taskId) => told.observed.runningSince(taskId),
      now,
    });
    applySteps(tx, plan.steps);
    touched.units(plan.follow);
  }
}
