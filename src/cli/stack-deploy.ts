import type { CompiledStack } from '../compose/compile.ts';
import { TuttiError } from '../lib/error.ts';
import type { StackReport } from '../model/report.ts';
import type { StackChange } from '../model/stack.ts';
import { ensureCluster } from './cluster.ts';
import { type CliContext, exitCodes } from './context.ts';
import { compileDocuments, type StackDocumentOptions } from './stack-documents.ts';
import { describeTask, waitForStack } from './stack-progress.ts';

export interface StackDeployOptions extends StackDocumentOptions {
  readonly prune: boolean;
  readonly detach: boolean;
  readonly timeoutMs: number;
  /** A warning of the document is an error. */
  readonly strict: boolean;
}

/** `tutti stack deploy`: brings the documents into the cluster, and waits until they run. */
export async function stackDeploy(
  context: CliContext,
  options: StackDeployOptions,
): Promise<number> {
  const compiled = await compileDocuments(options);
  tellWarnings(context, { compiled, strict: options.strict });
  await ensureCluster(context);
  const { declaration } = compiled;
  const path = `/tutti/v1/stacks/${encodeURIComponent(declaration.name)}`;
  const { changes } = await context.client.call<{ readonly changes: readonly StackChange[] }>({
    method: 'PUT',
    path,
    body: { declaration, prune: options.prune },
  });
  if (!context.json) context.output.note(describeChanges(declaration.name, changes));
  if (options.detach) {
    if (context.json)
      context.output.write(`${JSON.stringify({ stack: declaration.name, changes })}\n`);
    return exitCodes.success;
  }
  const { report, exitCode } = await waitForStack(context, {
    stack: declaration.name,
    timeoutMs: options.timeoutMs,
    done: (one) => one.services.length >= declaration.services.length && one.converged,
  });
  if (context.json) context.output.write(`${JSON.stringify({ changes, report, exitCode })}\n`);
  else context.output.write(describeResult(report, exitCode));
  return exitCode;
}

export function tellWarnings(
  context: CliContext,
  found: { readonly compiled: CompiledStack; readonly strict: boolean },
): void {
  const lines = found.compiled.warnings.map((warning) => `${warning.path}: ${warning.message}`);
  if (lines.length === 0) return;
  if (found.strict) throw new TuttiError('invalid-argument', lines.join('\n'));
  if (!context.json) for (const line of lines) context.output.note(`warning: ${line}\n`);
}

function describeChanges(stack: string, changes: readonly StackChange[]): string {
  const made = changes.filter((change) => change.action !== 'keep');
  if (made.length === 0) return `${stack}: nothing to change\n`;
  return made.map((change) => `${describeChange(change)}\n`).join('');
}

/** `update service st_web (image: a → b)`. */
export function describeChange(change: StackChange): string {
  const details = change.differences.length > 0 ? ` (${change.differences.join('; ')})` : '';
  return `${change.action} ${change.kind} ${change.name}${details}`;
}

function describeResult(report: StackReport, exitCode: number): string {
  if (exitCode === exitCodes.success) return describeAddresses(report);
  const late = report.tasks.filter((task) => task.state !== 'running');
  const updates = report.services.flatMap((service) =>
    service.update === undefined || service.update.state === 'completed'
      ? []
      : [`${service.name}: ${service.update.state}: ${service.update.message}`],
  );
  const what = exitCode === exitCodes.timeout ? 'did not converge in time' : 'did not converge';
  return [`${report.name} ${what}`, ...updates, ...late.map(describeTask), ''].join('\n');
}

/** Where to reach the stack: a line for each published port. */
function describeAddresses(report: StackReport): string {
  const lines = report.services.flatMap((service) =>
    service.ports
      .filter((port) => port.publishedPort !== undefined)
      .map((port) => {
        const scheme = port.protocol === 'tcp' ? 'http' : port.protocol;
        return `${service.name}  ${scheme}://localhost:${port.publishedPort}\n`;
      }),
  );
  return `${report.name} is running\n${lines.join('')}`;
}
