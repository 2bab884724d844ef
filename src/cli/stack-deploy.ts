import type { StackReport } from '../model/report.ts';
import type { StackChange } from '../model/stack.ts';
import { ensureCluster } from './cluster.ts';
import { type CliContext, exitCodes } from './context.ts';
import { DeployJudge } from './deploy-judge.ts';
import { describeAddresses } from './describe.ts';
import { describeFailure } from './describe-failure.ts';
import { describeChange, stackRequest, tellWarnings } from './stack-changes.ts';
import type { StackDocumentOptions } from './stack-documents.ts';
import { waitForStack } from './stack-progress.ts';

export interface StackDeployOptions extends StackDocumentOptions {
  readonly prune: boolean;
  readonly detach: boolean;
  readonly timeoutMs: number;
  /** How long everything must have run before it counts as running. */
  readonly settleMs: number;
  /** How long nothing may get better once something is wrong. */
  readonly patienceMs: number;
  /** A warning of the document is an error. */
  readonly strict: boolean;
}

/** `tutti stack deploy`: brings the documents into the cluster, and waits until they run. */
export async function stackDeploy(
  context: CliContext,
  options: StackDeployOptions,
): Promise<number> {
  // Only these commands need the compiler, which is most of the program.
  const { compileDocuments } = await import('./stack-documents.ts');
  const compiled = await compileDocuments(options);
  const warnings = tellWarnings(context, { compiled, strict: options.strict });
  const { declaration } = compiled;
  const body = stackRequest(declaration, options);
  await ensureCluster(context);
  const stack = declaration.name;
  const path = `/tutti/v1/stacks/${encodeURIComponent(stack)}`;
  const { changes } = await context.client.call<{ readonly changes: readonly StackChange[] }>({
    method: 'PUT',
    path,
    body,
    signal: context.signal,
  });
  tellChanges(context, { stack, changes });
  const done = { stack, warnings, changes };
  if (options.detach) {
    if (context.json) context.output.write(`${JSON.stringify({ ...done, exitCode: 0 })}\n`);
    return exitCodes.success;
  }
  const services = new Set(declaration.services.map((service) => service.spec.name));
  const changed = changes.filter((change) => change.action === 'update');
  const { report, exitCode: waited } = await waitForStack(context, {
    stack,
    timeoutMs: options.timeoutMs,
    waiting: 'deploy',
    judge: new DeployJudge({
      services,
      changed: new Set(changed.map((change) => change.name)),
      settleMs: options.settleMs,
      patienceMs: options.patienceMs,
    }),
  });
  const taken = takenPorts(report, services);
  // What runs and cannot be reached where it was to be is not what was asked for.
  const exitCode = waited === exitCodes.success && taken.length > 0 ? exitCodes.failure : waited;
  if (context.json) context.output.write(`${JSON.stringify({ ...done, report, exitCode })}\n`);
  else if (waited === exitCodes.success) tellAddresses(context, { report, taken });
  else context.output.note(await describeFailure(context, { report, exitCode, services }));
  return exitCode;
}

function tellChanges(
  { json, output }: CliContext,
  { stack, changes }: { readonly stack: string; readonly changes: readonly StackChange[] },
): void {
  if (json) return;
  const made = changes.filter((change) => change.action !== 'keep');
  if (made.length === 0) output.note(`${stack}: nothing to change\n`);
  for (const change of made) output.note(`${describeChange(change, output.notePaint)}\n`);
}

function takenPorts(report: StackReport, services: ReadonlySet<string>): readonly string[] {
  return report.services
    .filter((service) => services.has(service.name))
    .flatMap(({ name, portProblems = [] }) => portProblems.map((problem) => `${name}: ${problem}`));
}

function tellAddresses(
  { output }: CliContext,
  { report, taken }: { readonly report: StackReport; readonly taken: readonly string[] },
): void {
  const lines = describeAddresses(report).map((line) => `${line}\n`);
  output.write(`${output.paint('green', `${report.name} is running`)}\n${lines.join('')}`);
  if (taken.length === 0) return;
  const problem = output.notePaint('red', 'problem:');
  for (const line of taken) output.note(`${problem} ${line}\n`);
  output.note('Publish another port, or stop the program that has it.\n');
}
