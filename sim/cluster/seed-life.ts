import { TuttiError } from '../../src/lib/error.ts';
import type { VirtualClock } from '../clock.ts';
import type { ClusterCheckers } from './checkers.ts';
import { unsteady } from './moves.ts';

const patienceMs = 60_000;

/** What becomes of a cluster under one seed. */
interface SeedLife<Outcome> {
  run(): Promise<Outcome>;
  end(): Promise<void>;
}

/** Runs a life, which ends also where it throws. */
export async function runLife<Outcome>(life: SeedLife<Outcome>): Promise<Outcome> {
  try {
    return await life.run();
  } finally {
    await life.end();
  }
}

/** Begins, and waits until all is as declared; reports what is not in time, or what broke. */
export async function beginsWell(
  { clock, checkers }: { readonly clock: VirtualClock; readonly checkers: ClusterCheckers },
  how: { readonly begin: () => Promise<void>; readonly unsettled: () => readonly string[] },
): Promise<boolean> {
  const begun = { done: false };
  const begin = async (): Promise<void> => {
    await how.begin();
    begun.done = true;
  };
  begin().catch((error: unknown) => {
    checkers.report('process broke', `at the beginning: ${TuttiError.from(error).stack}`);
  });
  const isUp = (): boolean =>
    begun.done && how.unsettled().every((line) => line.startsWith(unsteady));
  if (await clock.runUntil(isUp, { limitMs: patienceMs })) return true;
  for (const line of how.unsettled()) {
    checkers.report('not as declared after healing', `at the beginning: ${line}`);
  }
  return false;
}
