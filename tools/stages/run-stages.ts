import { TuttiError } from '../../src/lib/error.ts';
import type { Stage, StageResult } from './stage.ts';

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

interface LabelledOptions extends RunOptions {
  readonly label: string;
}

async function runStage(stage: Stage, options: LabelledOptions): Promise<boolean> {
  const { write, isTerminal, label } = options;
  const startedAt = performance.now();
  const { passed, summary = '', output } = await attempt(stage, options);
  const verdict = passed ? 'ok    ' : 'FAILED';
  const time = secondsSince(startedAt).padStart(8);
  write(`${isTerminal ? eraseLine : ''}${label}  ${verdict}  ${time}  ${summary}`.trimEnd());
  write(passed ? '\n' : `\n${output.trimEnd()}\n\n`);
  return passed;
}

/** Runs a stage, and lets a line count meanwhile. What it throws is how it failed. */
async function attempt(stage: Stage, options: LabelledOptions): Promise<StageResult> {
  const { write, isTerminal, signal, label } = options;
  const startedAt = performance.now();
  const showTime = () => {
    const time = `${label}  … ${secondsSince(startedAt)}`;
    write(isTerminal ? `${eraseLine}${time}` : `${time}\n`);
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    await stage.prepare?.();
    timer = setInterval(showTime, isTerminal ? terminalTickMs : plainTickMs);
    return await stage.run(signal);
  } catch (error) {
    const { message, hint } = TuttiError.from(error);
    return { passed: false, output: hint === undefined ? message : `${message} ${hint}` };
  } finally {
    clearInterval(timer);
  }
}

function secondsSince(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
