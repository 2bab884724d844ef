import type { Stage } from './stage.ts';

export interface RunOptions {
  readonly write: (text: string) => void;
  /** Rewrites its last line on a terminal, and writes only whole lines elsewhere. */
  readonly isTerminal: boolean;
  /** When it aborts, the running stage is asked to end, and no other begins. */
  readonly signal: AbortSignal;
}

const eraseLine = '\r\x1b[K';
const terminalTickMs = 200;
const plainTickMs = 30_000;

/**
 * Runs all stages, whatever becomes of the ones before, and says what failed; true when none did.
 */
export async function runStages(stages: readonly Stage[], options: RunOptions): Promise<boolean> {
  const { write, signal } = options;
  const width = Math.max(...stages.map(({ name }) => name.length));
  const startedAt = performance.now();
  const failed: string[] = [];
  for (const stage of stages) {
    if (signal.aborted) break;
    if (!(await runStage(stage, { ...options, label: stage.name.padEnd(width) }))) {
      failed.push(stage.name);
    }
  }
  const total = secondsSince(startedAt);
  if (signal.aborted) {
    write(`Stopped after ${total}.\n`);
    return false;
  }
  if (failed.length === 0) write(`All ${stages.length} stages passed in ${total}.\n`);
  else write(`Failed: ${failed.join(', ')} (${total}). One alone: npm test -- ${failed[0]}\n`);
  return failed.length === 0;
}

async function runStage(
  stage: Stage,
  { write, isTerminal, signal, label }: RunOptions & { readonly label: string },
): Promise<boolean> {
  const startedAt = performance.now();
  const erase = isTerminal ? eraseLine : '';
  const progress = () =>
    write(`${erase}${label}  … ${secondsSince(startedAt)}${isTerminal ? '' : '\n'}`);
  if (isTerminal) progress();
  const timer = setInterval(progress, isTerminal ? terminalTickMs : plainTickMs);
  try {
    const { passed, summary = '', output } = await stage.run(signal);
    const verdict = passed ? 'ok' : 'FAILED';
    write(
      `${erase}${label}  ${verdict}  ${secondsSince(startedAt).padStart(8)}  ${summary}`.trimEnd(),
    );
    write(passed ? '\n' : `\n${output.trimEnd()}\n\n`);
    return passed;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    write(`${erase}${label}  FAILED  ${secondsSince(startedAt).padStart(8)}\n${reason}\n\n`);
    return false;
  } finally {
    clearInterval(timer);
  }
}

function secondsSince(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
