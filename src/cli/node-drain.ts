import type { DrainReport, NodeReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';
import { describeTask, plural } from './describe.ts';
import { follow } from './follow.ts';
import { drainView } from './drain-view.ts';
import type { Judge, Verdict } from './judge.ts';
import { nodePath } from './node-path.ts';
import { openReportScreen } from './report-screen.ts';

export interface NodeDrainOptions {
  readonly node: string;
  readonly detach: boolean;
  readonly timeoutMs: number;
}

/** Waits until nothing is left on a node, or until it takes tasks again. */
class DrainJudge implements Judge<DrainReport> {
  #verdict: Verdict = 'waiting';

  observe({ node, left }: DrainReport): void {
    if (node.availability === 'drain') this.#verdict = left.length === 0 ? 'done' : 'waiting';
    else this.#verdict = 'hopeless';
  }

  verdict(): Verdict {
    return this.#verdict;
  }
}

/**
 * `tutti node drain NODE`: has the tasks of a node moved to others, and waits until it is empty.
 * What found no place elsewhere is said, and does not fail it: the node can be switched off.
 */
export async function nodeDrain(context: CliContext, options: NodeDrainOptions): Promise<number> {
  const { client, output, json } = context;
  const node = await client.call<NodeReport>({
    method: 'PUT',
    path: nodePath(options.node, 'availability'),
    body: { availability: 'drain' },
    signal: context.signal,
  });
  if (options.detach) {
    if (json) output.write(`${JSON.stringify({ node, exitCode: exitCodes.success })}\n`);
    else output.write(`${node.hostname} is being drained\n`);
    return exitCodes.success;
  }
  const { report, exitCode } = await follow<DrainReport>(context, {
    path: nodePath(node.id, 'watch'),
    timeoutMs: options.timeoutMs,
    judge: new DrainJudge(),
    screen: openReportScreen(context, drainView(node.hostname)),
    hint: `tutti node inspect ${node.hostname} shows what is left on it.`,
  });
  if (json) output.write(`${JSON.stringify({ ...report, exitCode })}\n`);
  else tellResult(context, { report, exitCode });
  return exitCode;
}

function tellResult(
  { output }: CliContext,
  { report, exitCode }: { readonly report: DrainReport; readonly exitCode: number },
): void {
  const { node, left, waiting, stopped, notes } = report;
  const name = node.hostname;
  if (exitCode === exitCodes.failure) {
    output.note(`${name} is ${node.availability} again: somebody called the drain off\n`);
    return;
  }
  if (left.length > 0) {
    const lines = left.map((task) => `${task.name} ${task.step}: ${task.why}`);
    output.note(
      `${name} is not empty yet, and goes on to be drained; still there:\n  ${lines.join('\n  ')}\n` +
        `tutti node activate ${name} calls it off.\n`,
    );
  } else {
    output.write(`${name} is empty\n`);
  }
  if (waiting.length > 0) {
    const lines = waiting.map((task) => describeTask(task));
    output.note(
      `${plural(waiting.length, 'task')} found no other place:\n  ${lines.join('\n  ')}\n`,
    );
  }
  if (stopped.length > 0) {
    output.note(`run on every node, and stopped here: ${stopped.join(', ')}\n`);
  }
  for (const note of notes) output.note(`${note}\n`);
}
