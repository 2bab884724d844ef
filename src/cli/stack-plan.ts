import type { PlannedTask, StackChange } from '../model/stack.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './context.ts';
import { describeChange, tellWarnings } from './stack-deploy.ts';
import { compileDocuments, type StackDocumentOptions } from './stack-documents.ts';

export interface StackPlanOptions extends StackDocumentOptions {
  readonly prune: boolean;
  readonly strict: boolean;
}

interface Plan {
  readonly changes: readonly StackChange[];
  readonly tasks: readonly PlannedTask[];
}

/** `tutti stack plan`: what a deploy would change and where tasks would go; changes nothing. */
export async function stackPlan(context: CliContext, options: StackPlanOptions): Promise<number> {
  const compiled = await compileDocuments(options);
  tellWarnings(context, { compiled, strict: options.strict });
  const { declaration } = compiled;
  const plan = await context.client.call<Plan>({
    method: 'POST',
    path: `/tutti/v1/stacks/${encodeURIComponent(declaration.name)}/plan`,
    body: { declaration, prune: options.prune },
  });
  if (context.json) context.output.write(`${JSON.stringify(plan)}\n`);
  else context.output.write(renderPlan(plan));
  return exitCodes.success;
}

function renderPlan(plan: Plan): string {
  const made = plan.changes.filter((change) => change.action !== 'keep');
  const lines = made.length === 0 ? ['nothing to change'] : made.map(describeChange);
  const tasks = plan.tasks.map((task) => `${task.service}.${task.slot} → ${describeOutcome(task)}`);
  return `${[...lines, ...tasks].join('\n')}\n`;
}

function describeOutcome(task: PlannedTask): string {
  const { outcome } = task;
  return outcome.kind === 'placed' ? outcome.nodeName : `nowhere: ${outcome.reason.message}`;
}
