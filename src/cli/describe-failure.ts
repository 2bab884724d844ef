import { readLogFrames } from '../client/log-frames.ts';
import { TuttiError } from '../lib/error.ts';
import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';
import { isTroubled, keepsFailing } from './deploy-judge.ts';
import { describeCounts, describeTask } from './describe.ts';

export interface FailedDeploy {
  readonly report: StackReport;
  readonly exitCode: number;
  /** Full names of what was deployed; other services of the stack are not talked about. */
  readonly services: ReadonlySet<string>;
}

const shownTasks = 3;
const shownLines = 5;

/** What of a stack does not run, why, what it printed last, and what to do. */
export async function describeFailure(context: CliContext, failed: FailedDeploy): Promise<string> {
  const { report, exitCode, services } = failed;
  const { notePaint } = context.output;
  const what = exitCode === exitCodes.timeout ? 'did not converge in time' : 'did not converge';
  const parts = [notePaint('red', `${report.name} ${what}`)];
  for (const service of report.services) {
    const rolledBack = service.update?.state === 'rollback_completed';
    const isUnstable = report.tasks.some(
      (task) => task.service === service.name && keepsFailing(task),
    );
    const isWell = service.converged && !rolledBack && !isUnstable;
    if (!services.has(service.name) || isWell) continue;
    parts.push(...(await describeLate(context, { service, report })));
  }
  parts.push(
    `What was deployed stays: correct the document and deploy it again, or remove it with`,
    `  tutti stack rm ${report.name}`,
  );
  return `${parts.join('\n')}\n`;
}

async function describeLate(
  context: CliContext,
  { service, report }: { readonly service: ServiceReport; readonly report: StackReport },
): Promise<readonly string[]> {
  const lines = [`${service.name} ${describeCounts(service)}`];
  const { update } = service;
  if (update !== undefined && update.state !== 'completed' && update.state !== 'updating') {
    lines.push(`  update ${update.state}: ${update.message}`);
  }
  const late = report.tasks.filter(
    (task) => task.service === service.name && (task.state !== 'running' || task.failure),
  );
  const ordered = late.toSorted(
    (left, right) => Number(isTroubled(right)) - Number(isTroubled(left)),
  );
  for (const task of ordered.slice(0, shownTasks)) lines.push(`  ${describeTask(task)}`);
  if (late.length > shownTasks) lines.push(`  and ${late.length - shownTasks} more`);
  const [first] = ordered;
  if (first !== undefined) {
    lines.push(...(await lastWords(context, first)).map((line) => `    | ${line}`));
    const hint = first.reason?.hint ?? first.failure?.reason.hint;
    if (hint !== undefined) lines.push(`  ${context.output.notePaint('cyan', 'hint:')} ${hint}`);
  }
  return lines;
}

/** What the container of a task that failed printed last. */
async function lastWords(context: CliContext, task: TaskReport): Promise<readonly string[]> {
  const hasEnded = task.spent === true;
  const taskId = hasEnded ? task.id : task.failure?.taskId;
  const code = hasEnded ? task.reason?.code : task.failure?.reason.code;
  if (taskId === undefined || (code !== 'exited-with-error' && code !== 'unhealthy')) return [];
  const path = `/tasks/${taskId}/logs?stdout=1&stderr=1&tail=${shownLines}`;
  const lines: string[] = [];
  try {
    const bytes = context.client.bytes({ method: 'GET', path, signal: context.signal });
    for await (const { text } of readLogFrames(bytes)) lines.push(text.trimEnd());
  } catch (reason) {
    return [`(its output cannot be read: ${TuttiError.from(reason).message})`];
  }
  return lines.slice(-shownLines);
}
